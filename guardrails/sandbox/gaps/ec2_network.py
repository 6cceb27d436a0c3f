"""EC2's networks: which address of an interface has a public one, and who names a group from a peered VPC.

moto tells an interface's public address only for the interface as a whole, and gives an elastic address to the
primary one whatever AssociateAddress asks for. It lacks DescribeSecurityGroupReferences.
"""
from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import InvalidParameterValueError
from moto.ec2.models.elastic_ip_addresses import ElasticAddress, ElasticAddressBackend
from moto.ec2.responses.elastic_ip_addresses import ElasticIPAddresses
from moto.ec2.responses.elastic_network_interfaces import ElasticNetworkInterfaces
from moto.ec2.responses.security_groups import SecurityGroups
from moto.ec2.utils import generate_dns_from_ip

from ..moto_fixes import replaces

_SECONDARY = "guardrails_secondary_address"
"""On an elastic address: the secondary private address that it belongs to."""


def apply() -> None:
    """Apply the changes, once in a process."""
    _give_each_address_its_own()
    _show_each_address_with_its_own()
    _tell_references()


def _give_each_address_its_own() -> None:
    original_associate = ElasticIPAddresses.associate_address
    original_disassociate = ElasticAddressBackend.disassociate_address
    original_address = ElasticAddress.private_ip_address.fget  # type: ignore[attr-defined]

    @replaces(ElasticIPAddresses, "associate_address")
    def associate(call: Any) -> ActionResult:
        private, interface = call._get_param("PrivateIpAddress"), call._get_param("NetworkInterfaceId")
        if not private or not interface:
            return original_associate(call)
        eni = call.ec2_backend.get_network_interface(interface)
        if private not in {address["PrivateIpAddress"] for address in eni.private_ip_addresses}:
            raise InvalidParameterValueError(private)
        primarys = eni.public_ip
        answer = original_associate(call)
        if private != eni.private_ip_address:
            [eip] = [
                one for one in call.ec2_backend.addresses
                if one.eni is eni and one.public_ip == eni.public_ip
            ]
            setattr(eip, _SECONDARY, private)
            eni.public_ip = primarys
        return answer

    @replaces(ElasticAddressBackend, "disassociate_address")
    def disassociate(backend: Any, address: str | None = None, association_id: str | None = None) -> None:
        eips = backend.address_by_ip([address]) if address else backend.address_by_association([association_id])
        eni, secondary = eips[0].eni, getattr(eips[0], _SECONDARY, None)
        primarys = eni.public_ip if eni else None
        original_disassociate(backend, address, association_id)
        if secondary:
            delattr(eips[0], _SECONDARY)
            eni.public_ip = primarys

    replaces(ElasticAddress, "private_ip_address")(property(
        lambda eip: getattr(eip, _SECONDARY, None) or original_address(eip)))


def _show_each_address_with_its_own() -> None:

    @replaces(ElasticNetworkInterfaces, "describe_network_interfaces")
    def describe(call: Any) -> ActionResult:
        ids, filters = call._get_param("NetworkInterfaceIds", []), call._filters_from_querystring()
        call.error_on_dryrun()
        return ActionResult({"NetworkInterfaces": [
            _shown(eni) for eni in call.ec2_backend.get_all_network_interfaces(ids, filters)
        ]})


def _shown(eni: Any) -> Any:
    shown = copy.copy(eni)
    shown.private_ip_addresses = [
        {**address, **({"Association": found} if (found := _association(eni, address)) else {})}
        for address in eni.private_ip_addresses
    ]
    return shown


def _association(eni: Any, address: dict[str, Any]) -> dict[str, Any]:
    """The public address of one private address of an interface, as in EC2; empty if it has none."""
    private = address["PrivateIpAddress"]
    if private == eni.private_ip_address:
        return dict(eni.association)
    for eip in eni.ec2_backend.addresses:
        if eip.eni is eni and getattr(eip, _SECONDARY, None) == private:
            return {
                "AllocationId": eip.allocation_id, "AssociationId": eip.association_id, "PublicIp": eip.public_ip,
                "PublicDnsName": generate_dns_from_ip(eip.public_ip), "IpOwnerId": eni.owner_id,
            }
    return {}


def _tell_references() -> None:

    # moto finds a call by the method of its name, and has none of this one.
    @replaces(SecurityGroups, "describe_security_group_references")
    def describe(call: Any) -> ActionResult:
        wanted = call._get_param("GroupId", [])
        call.error_on_dryrun()
        return ActionResult({"SecurityGroupReferenceSet": [
            {"GroupId": group_id, "ReferencingVpcId": vpc_id, "VpcPeeringConnectionId": peering}
            for group_id, vpc_id, peering in _references(call.ec2_backend) if group_id in wanted
        ]})


def _references(backend: Any) -> Iterator[tuple[str, str, str]]:
    """Group, the peered VPC in which a rule names it, and the connection: each once."""
    found = set()
    for peering in backend.vpc_pcxs.values():
        if peering.status["Code"] != "active":
            continue
        for here, there in ((peering.vpc, peering.peer_vpc), (peering.peer_vpc, peering.vpc)):
            own = backend.groups.get(here.id, {})
            for group in there.ec2_backend.groups.get(there.id, {}).values():
                for rule in (*group.ingress_rules, *group.egress_rules):
                    if rule.source_group.get("GroupId") in own:
                        found.add((rule.source_group["GroupId"], there.id, peering.id))
    yield from sorted(found)
