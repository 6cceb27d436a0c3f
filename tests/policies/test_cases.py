"""Every policy that looks at a state (config-rule, periodic): its bad, good and absent cases, and its fix."""
from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import botocore.client
import c7n.utils
import pytest
from botocore.client import BaseClient

from custom_actions.patches.every_page import DETAILS
from guardrails.cases.completeness import incomplete
from guardrails.cases.state import check_state
from tests.moto_server import Moto

from .harness import ROOT, cases, failures, loaded, policies

STATE = ("config-rule", "periodic")
NAMES = [name for name, (mode, _) in policies().items() if mode in STATE]

ONE_PAGE = {
    ("dax", "ListTags"): "50 tags at most",
    ("elbv2", "DescribeListeners"): "50 listeners of a load balancer at most, and 400 on a page",
    ("guardduty", "ListDetectors"): "one in a region",
    ("iam", "ListAccessKeys"): "two of a user at most",
    ("iam", "ListAccountAliases"): "one of an account",
    ("iam", "ListAttachedUserPolicies"): "20 of a user at most, and 100 on a page",
    ("iam", "ListMFADevices"): "eight of a user at most",
    ("iam", "ListUserPolicies"): "their total size is limited to 2,048 characters, and 100 are on a page",
    ("sagemaker", "DescribeFeatureGroup"): "only its list of features has pages, and no policy looks at features",
    ("resourcegroupstaggingapi", "GetResources"): "c7n names 20 resources in a call, and 100 are on a page",
}
"""What c7n reads with a single call although the API has pages, and why one page is enough."""
_TOKENS = {"NextToken", "nextToken", "Marker", "NextMarker", "NextPageToken", "PaginationToken", "position"}
_LIMITS = {"MaxResults", "maxResults", "Limit", "limit", "PageSize"}
_single_calls: set[tuple[str, str]] = set()


_C7N = str(Path(c7n.__file__).parent)
_BETWEEN = (
    str(Path(botocore.client.__file__).parent / "c"), str(Path(c7n.utils.__file__)),
    str(ROOT / "custom_actions/patches"))
"""Beginnings of the files that hand a call on: botocore's client, c7n's retry, and our patches."""


def _caller(frame: FrameType | None) -> str:
    """The file that makes a call; none if our patch reads on by itself."""
    while frame and (frame.f_code.co_filename.startswith(_BETWEEN) or frame.f_code.co_name == "_make_request"):
        if frame.f_code.co_name == "invoke":
            return ""
        frame = frame.f_back
    return frame.f_code.co_filename if frame else ""


@pytest.fixture(autouse=True, scope="module")
def single_calls() -> Iterator[None]:
    """Notes what c7n reads with a single call, of APIs that have pages."""
    original = BaseClient._make_api_call

    @functools.wraps(original)
    def make_api_call(client: Any, operation: str, parameters: Any) -> Any:
        key = (client.meta.service_model.service_name, operation)
        shape = client.meta.service_model.operation_model(operation).output_shape
        if shape and _TOKENS & set(shape.members) and not _LIMITS & set(parameters) \
                and _caller(sys._getframe(1)).startswith(_C7N):
            _single_calls.add(key)
        return original(client, operation, parameters)

    BaseClient._make_api_call = make_api_call
    yield
    BaseClient._make_api_call = original


@pytest.mark.parametrize("name", NAMES)
def test_policy(name: str, moto: Moto, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All cases of one policy, and that each of its filters is needed for them to pass."""
    moto.share_clients(monkeypatch)
    own = [case for case in cases(*STATE) if case.policy["name"] == name]
    assert own and loaded()[name].data["filters"]
    assert not failures(check_state(loaded()[name], own, moto, tmp_path))


def test_c7n_reads_no_more_than_one_page_with_a_single_call() -> None:
    # After the cases above, which run in this process.
    assert _single_calls <= ONE_PAGE.keys() | DETAILS.keys()


def test_every_policy_has_a_bad_a_good_and_an_absent_case() -> None:
    listed = cases("config-rule", "periodic", "realtime")
    for name, policy in loaded().items():
        own = [case for case in listed if case.policy["name"] == name]
        assert list(incomplete(policy, own)) == []
        for kind in ("match", "passes", "absent"):  # also of a policy without filters
            assert any(getattr(case, kind) for case in own), f"{name} has no case with {kind}"
