"""The numbers in README.md: how many policies there are, and how much of each framework they cover."""
from __future__ import annotations

import re
from collections.abc import Sequence

from ..command import CHECKOUT_COMMAND
from ..errors import GuardrailsError
from ..paths import ROOT
from .catalogue import load_catalogues
from .coverage import CoverageLevel, coverage_of
from .policy import Policy

README = ROOT / "README.md"
_BLOCK = re.compile(r"(<!-- numbers: [^\n]+ -->\n).*?(<!-- /numbers -->\n)", re.DOTALL)


def with_numbers(text: str, policies: Sequence[Policy]) -> str:
    """The README with the numbers of these policies. Raises GuardrailsError if it has no place for them."""
    found = coverage_of(load_catalogues(), policies)

    def covered(framework: str) -> str:
        one = found[framework]
        return f"{one.counts[CoverageLevel.COVERED]} of {one.automatable}"

    types, fixes = {policy.resource for policy in policies}, [policy for policy in policies if policy.heals]
    block = (
        f"- **{len(policies)} policies on {len(types)} resource types**, {len(fixes)} of them with a fix: "
        f"{covered('aws-fsbp')} controls of AWS Foundational\n"
        f"  Security Best Practices, and of what an API can answer, {covered('cis-aws-5.0')} of CIS AWS "
        f"5.0 and 6.0 and {covered('cis-aws-7.0')} of\n"
        "  7.0 ([checks by service](docs/checks/README.md), [frameworks](docs/frameworks.md)).\n")
    changed, places = _BLOCK.subn(lambda match: match[1] + block + match[2], text)
    if places != 1:
        raise GuardrailsError("README.md has no place for the numbers of the policies",
                              f"put back the lines <!-- numbers: {CHECKOUT_COMMAND} rules --> and <!-- /numbers -->")
    return changed
