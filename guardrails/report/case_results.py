"""JUnit XML of test cases: one test suite for each policy, one test case for each of its cases."""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from xml.sax.saxutils import escape

from ..cases import CaseFailure, PolicyResult
from .formats.junit import tag
from .formats.text import plain

_WHOLE = "the cases as a whole"


def junit_of_cases(results: Iterable[PolicyResult], without: Sequence[tuple[str, str]], *, allowed: bool) -> str:
    """The file.

    Args:
        results: the policies with cases.
        without: name and `file:line` of each policy without a case.
        allowed: whether a policy may be without; it is skipped then, and a failure otherwise.
    """
    suites = [line for result in results for line in _suite(result)]
    for name, where in without:
        failed = [] if allowed else [CaseFailure("", "at least one case", "none", where)]
        skipped = "" if failed else f"{tag('skipped', message='no case')}</skipped>"
        suites += [
            tag("testsuite", name=name, time="0", tests=1, failures=len(failed), errors=0, skipped=int(not failed)),
            *_case(name, _WHOLE, 0, failed, skipped), "</testsuite>"]
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', tag("testsuites", name="guardrails test"), *suites]
    return "\n".join([*lines, "</testsuites>\n"])


def _suite(result: PolicyResult) -> Iterator[str]:
    failed = [case for case in result.cases if case.failure]
    yield tag("testsuite", name=result.policy, time=f"{result.seconds:.3f}",
              tests=len(result.cases) + 1, failures=len(failed) + bool(result.whole), errors=0, skipped=0)
    for case in result.cases:
        yield from _case(result.policy, case.name, case.seconds, [case.failure] if case.failure else [])
    # What is about all cases is one more, so that a failure of it is never out of sight.
    yield from _case(result.policy, _WHOLE, 0, result.whole)
    yield "</testsuite>"


def _case(
    policy: str, name: str, seconds: float, failures: Sequence[CaseFailure], skipped: str = ""
) -> Iterator[str]:
    yield tag("testcase", classname=policy, name=name, time=f"{seconds:.3f}")
    if failures:
        message = "; ".join(f"expected: {failure.expected}; seen: {failure.seen}" for failure in failures)
        text = "\n\n".join(map(str, failures))
        yield f"{tag('failure', type='case', message=message)}{escape(plain(text))}</failure>"
    yield f"{skipped}</testcase>"
