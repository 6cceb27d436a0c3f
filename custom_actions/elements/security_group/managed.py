"""Which system manages a security group, by its tags. Pure: no AWS, no c7n.

Such a system may set the rules again after a fix, or its template no longer describes the group. The tags never decide
whether a group is fixed: except for keys that begin with `aws:`, which AWS reserves, whoever may tag can set them. The
receipt tells the system, so that people make the change there.

Source: CloudFormation's and EKS's documentation of their tags; the AWS Load Balancer Controller's and Kubernetes'
documentation of theirs.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping

_STACK = "aws:cloudformation:stack-name"
_CONTROLLER = "it adds the rules again unless its Ingress or Service no longer asks for them"
_MANAGERS = (
    (_STACK, "the CloudFormation stack {value}",
     "the stack has now drifted: change its template, or a later update may open the port again"),
    ("aws:eks:cluster-name", "the EKS cluster {value}", "EKS may add its own rules again when it updates the cluster"),
    ("elbv2.k8s.aws/cluster", "the load balancer controller of the cluster {value}", _CONTROLLER),
    ("ingress.k8s.aws/stack", "the load balancer controller, for the Ingress {value}", _CONTROLLER),
    ("service.k8s.aws/stack", "the load balancer controller, for the Service {value}", _CONTROLLER),
    ("aws:elasticmapreduce:job-flow-id", "the EMR cluster {value}", "EMR adds its own rules again"),
)
_CLUSTER = "kubernetes.io/cluster/"


def managers(tags: Iterable[Mapping[str, str]]) -> list[str]:
    """What to tell about the systems that manage a group with these tags, as EC2 describes them: one note for each."""
    given = {str(tag.get("Key")): str(tag.get("Value")) for tag in tags}
    found = [
        f"the group belongs to {name.format(value=given[key])}: {advice}"
        for key, name, advice in _MANAGERS if key in given]
    clusters = [key.removeprefix(_CLUSTER) for key in given if key.startswith(_CLUSTER)]
    if clusters and not found:
        found.append(f"the group belongs to the Kubernetes cluster {clusters[0]}: {_CONTROLLER}")
    return found
