"""What a filter or action must bring: a schema, its permissions, and a docstring with an example that is valid.

The same checks apply to this project's own elements, in its tests, and to a team's, in `validate`.
"""
from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from inspect import cleandoc
from pathlib import Path
from textwrap import dedent
from typing import Any

import yaml

from custom_actions.element_packages import Element, class_place, load
from custom_actions.plugin import team_elements
from custom_actions.settings_file import TeamError

from .engine import policy_problems, resource_class
from .file_verdict import ElementChecks, FileProblem

_EXAMPLE = re.compile(r"\.\. code-block:: yaml\n\n((?:    .*\n|\n)+)")
# Where c7n and this project declare `permissions` for all elements. They say nothing about one element.
_ROOTS = ("c7n.element", "c7n.filters.core", "c7n.actions.core", "custom_actions.fixing.")


def check_team_elements(known: Callable[[str], bool] = lambda permission: True) -> ElementChecks:
    """Check the elements of the team. `known`: whether AWS defines an action of IAM, such as `ec2:CreateTags`."""
    if unusable := unusable_elements():
        return ElementChecks(unusable, usable=False)
    problems, hints = [], []
    for element in team_elements():
        found = load(element)
        problems += [_at(found, element, *each) for each in element_problems(element, found, known)]
        if element.kind == "action" and not hasattr(found, "inverses"):
            hints.append(_at(
                found, element, "the action writes no receipts, so rollback cannot undo it",
                "derive it from custom_actions.fixing.Fix, or see docs/elements.md for what this means"))
    return ElementChecks(tuple(problems), tuple(hints))


def element_problems(
    element: Element, found: Any, known: Callable[[str], bool] = lambda permission: True
) -> Iterator[tuple[str, str]]:
    """What the class lacks, although c7n can use it, and how to fix it.

    Args:
        element: where it is registered.
        found: its class.
        known: whether AWS defines an action of IAM.
    """
    if not any({"permissions", "get_permissions"} & vars(each).keys() for each in found.__mro__
               if not each.__module__.startswith(_ROOTS)):
        yield ("it does not declare its permissions, so `iam` would write a role that cannot run it",
               'permissions = ("service:Action", …); () if it calls nothing')
    if not cleandoc(found.__doc__ or "").partition("\n")[0]:
        yield "it has no docstring, which `custodian schema` and editors show", "add one, with an example"
        return
    yield from _example_problems(element, found, known)


def yaml_examples(found: Any) -> list[str]:
    """The YAML examples in a class's docstring (`.. code-block:: yaml`)."""
    text = dedent(" " * 4 + (found.__doc__ or "")) + "\n"
    return [dedent(block) for block in _EXAMPLE.findall(text)]


def _example_problems(element: Element, found: Any, known: Callable[[str], bool]) -> Iterator[tuple[str, str]]:
    examples, used = yaml_examples(found), False
    if not examples:
        yield "its docstring has no example", "add `.. code-block:: yaml` and a file with a policy that uses it"
        return
    for text in examples:
        try:
            data = yaml.safe_load(text)
            policies = data["policies"]
            resources = [str(policy["resource"]) for policy in policies]
        except (yaml.YAMLError, KeyError, TypeError) as error:
            yield (f"its example is not a file with policies: {type(error).__name__}: {' '.join(str(error).split())}",
                   "write it as in a policy file: policies: [{name: …, resource: …}]")
            continue
        for policy, named in zip(policies, resources, strict=True):
            resource = named if "." in named else f"aws.{named}"
            if problems := policy_problems(policy, resource):
                for each in problems:
                    yield f"its example is not valid: {each.problem}", each.fix or "correct it"
                continue
            for part in _parts(policy):
                if isinstance(part, found):
                    used = True
                    for permission in part.get_permissions():
                        if not known(permission):
                            yield (f"AWS does not define the permission {permission}",
                                   "see the Service Authorization Reference; IAM ignores a wrong name without an error")
    if not used:
        yield (f"no valid example uses it as {element.kind} {element.type}",
               f"add a policy on aws.{element.resource} with it under {element.kind}s:")


def _parts(policy: Mapping[str, Any]) -> list[Any]:
    """The filters and actions of a valid policy, as c7n creates them."""
    from c7n.config import Config
    from c7n.policy import Policy

    manager = Policy(dict(policy), Config.empty(region="us-east-1", account_id="000000000000")).resource_manager
    return [*manager.actions, *manager.iter_filters()]


def unusable_elements() -> tuple[FileProblem, ...]:
    """What keeps c7n from loading the elements: one problem for each module and each name."""
    try:
        elements = team_elements()
    except TeamError as error:
        return (_of(error),)
    found: dict[FileProblem, None] = {}
    for element in elements:
        try:
            load(element)
            resource_class(f"aws.{element.resource}")
        except TeamError as error:
            found[_of(error)] = None
        except SystemExit as ended:  # the plug-in ends c7n's programs with this error
            if not isinstance(ended.__cause__, TeamError):
                raise
            found[_of(ended.__cause__)] = None
    return tuple(found)


def _of(error: TeamError) -> FileProblem:
    return FileProblem(error.file or Path("guardrails.yml"), error.line, error.problem, error.fix)


def _at(found: Any, element: Element, problem: str, fix: str) -> FileProblem:
    """A problem at the element's class."""
    file, line = class_place(element, found)
    return FileProblem(file, line, f"{element.kind} {element.type}: {problem}", fix)
