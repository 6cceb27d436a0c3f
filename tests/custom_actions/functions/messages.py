"""Messages as AWS sends them to a function, and the groups that they are about."""
from __future__ import annotations

import json
from typing import Any

from tests.moto_server import ACCOUNT, REGION, Moto

GROUP_TYPE = "AWS::EC2::SecurityGroup"
TIME = "2026-11-23T12:00:00.000Z"


def group(moto: Moto, name: str, *cidrs: str) -> str:
    ec2 = moto.client("ec2")
    group_id = ec2.create_security_group(GroupName=name, Description=name)["GroupId"]
    for cidr in cidrs:
        ec2.authorize_security_group_ingress(GroupId=group_id, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp=cidr)
    return str(group_id)


def ingress(moto: Moto, group_id: str) -> list[Any]:
    return list(moto.client("ec2").describe_security_groups(GroupIds=[group_id])["SecurityGroups"][0]["IpPermissions"])


def item(group_id: str, *cidrs: str, status: str = "OK") -> dict[str, Any]:
    """A configuration item of a group as AWS Config spells it."""
    return {
        "configurationItemVersion": "1.3", "configurationItemCaptureTime": TIME, "configurationItemStatus": status,
        "awsAccountId": ACCOUNT, "awsRegion": REGION, "resourceType": GROUP_TYPE, "resourceId": group_id,
        "resourceName": "g", "tags": {}, "relationships": [], "supplementaryConfiguration": {},
        "configuration": {
            "groupId": group_id, "groupName": "g", "ownerId": ACCOUNT, "vpcId": "vpc-1", "tags": [],
            "ipPermissionsEgress": [], "ipPermissions": [{
                "fromPort": 22, "toPort": 22, "ipProtocol": "tcp", "prefixListIds": [], "userIdGroupPairs": [],
                "ipRanges": list(cidrs), "ipv6Ranges": [], "ipv4Ranges": [{"cidrIp": cidr} for cidr in cidrs],
            }] if cidrs else [],
        },
    }


def notification(kind: str = "ConfigurationItemChangeNotification", **content: Any) -> dict[str, Any]:
    return {
        "version": "1.0", "configRuleName": "custodian-p", "resultToken": "token", "eventLeftScope": False,
        "invokingEvent": json.dumps({"messageType": kind, "notificationCreationTime": TIME, **content}),
    }


def summary(of: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in of.items() if key not in ("configuration", "supplementaryConfiguration")}


DRIFT = {"filters": [{"type": "ingress-drift", "forbidden": ["tcp 22 from world"]}]}
TRAIL_EVENT = {"eventName": "AuthorizeSecurityGroupIngress", "eventSource": "ec2.amazonaws.com",
               "userIdentity": {"type": "IAMUser", "arn": f"arn:aws:iam::{ACCOUNT}:user/eve"}}
EVENTS: dict[str, dict[str, Any]] = {
    "cloudtrail": {"events": [{
        "source": "ec2.amazonaws.com", "event": "AuthorizeSecurityGroupIngress", "ids": "requestParameters.groupId",
    }]},
    "config-poll-rule": {"schedule": "One_Hour", "ignore-support-check": True},
}
"""What a mode needs besides its type."""


def trail_event(group_id: str | None, **detail: Any) -> dict[str, Any]:
    return {"source": "aws.ec2", "detail-type": "AWS API Call via CloudTrail", "region": REGION, "account": ACCOUNT,
            "detail": {
        **TRAIL_EVENT, "requestParameters": {"groupId": group_id} if group_id else None, **detail}}
