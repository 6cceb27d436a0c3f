"""The validation of the content of policy files. It reports every error, not only the first."""
from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from custom_actions.plugin import elements
from custom_actions.vocabulary import CALLING, EXPOSURES, PASSIVE, RESPONSES, SEVERITIES, TELLING

from ..suggest import nearest
from ..yamlfile import YamlError, YamlFile, content, no_collection, parsed
from .catalogue import Catalogue
from .claims import problems as claim_problems
from .engine import PolicyProblem, is_lambda_mode, modes, policy_problems, type_of, walk
from .file_verdict import CheckedPolicy, FileVerdict, Found, Validation, across, is_shipped, unreadable
from .policy import Kind, Policy, foreign_provider
from .scope import SCOPES
from .variables import RUNTIME_VARIABLES, used_parameters

PACKAGE = "custom_actions"
HANDLER = "custom_actions.lambda_entry.run"
NAME_LIMIT = 64
DESCRIPTION_LIMIT = 256
# Actions that cannot be undone. With `options` (iam-user) they remove only parts, such as the console password.
_DESTRUCTIVE = frozenset({
    "terminate", "delete", "deregister", "delete-empty", "delete-environment", "delete-inline-policies",
    "delete-ssh-keys", "release", "remove-keys", "trim-versions",
})
# Settings with which such an action deletes nothing.
_GENTLE = {"remove-keys": "disable"}
# The limits of Lambda, in seconds and MB.
_LIMITS = {"timeout": (1, 900), "memory": (128, 10240)}
_FUNCTION_NAME = re.compile(r"[A-Za-z0-9_-]+")
# The required metadata of a policy, and their meaning.
METADATA = {
    "title": "one line with the rule, as it is when a resource complies",
    "severity": f"one of {', '.join(SEVERITIES)}",
    "response": f"one of {', '.join(RESPONSES)}",
    "controls": "a mapping of framework to control ids: {cis-aws-5.0: ['5.3']}; {} if there are none",
    "rationale": "why it matters",
    "fix": "what the policy does, or what a person has to do",
}
_REPLACES = "a list of the old rules that it replaces; [] if there are none"
"""Only the shipped policies say it."""
_FILE_KEYS = ("vars", "policies")
_POLICY_KEYS = (
    "name", "resource", "title", "description", "mode", "tags", "max-resources", "metadata", "query", "filters",
    "actions", "source", "conditions", "region", "start", "end", "tz", "max-resources-percent", "comments", "comment",
)


def validate_files(
    files: Iterable[Path], catalogues: Mapping[str, Catalogue], *, strict: bool = True
) -> Validation:
    """Check every file, without stored verdicts.

    Args:
        catalogues: the frameworks that a policy may name, by their names.
        strict: whether this project's own rules (metadata, folders, profiles for what cannot be undone) apply to all
            policies. They always apply to the shipped ones; for others, a breach is then only a hint.
    """
    def verdict(file: Path) -> FileVerdict:
        try:
            return judge(file, content(file), catalogues)
        except YamlError as error:
            return unreadable(error)

    with no_collection():
        return across([(file, verdict(file)) for file in files], strict=strict)


def judge(file: Path, content: bytes, catalogues: Mapping[str, Catalogue]) -> FileVerdict:
    """The verdict on a policy file with this content. Checks across files are not part of it: see `across`."""
    try:
        source = parsed(file, content)
    except YamlError as error:
        return unreadable(error)
    found = [*_located(source, (), _structure(source.data)),
             *(replace(each, convention=True) for each in _located(source, (), _defaults(source)))]
    listed = source.data.get("policies") if isinstance(source.data, Mapping) else None
    listed = listed if isinstance(listed, list) else []
    checked, shipped = [], is_shipped(file)
    for index, data in enumerate(listed):
        problems = list(_shape(data))
        if not problems:
            policy = Policy(data, source, index)
            known = CheckedPolicy.of(policy)
            checked.append((known.name, known.resource, known.kind.value, known.line))
            problems = [*_policy(policy, catalogues, shipped), *policy_problems(data, policy.resource)]
        found.extend(_located(source, ("policies", index), problems))
    return FileVerdict(len(listed), tuple(checked), tuple(found))


def _located(source: YamlFile, base: tuple[str | int, ...], found: Iterable[PolicyProblem]) -> Iterator[Found]:
    for problem in found:
        name = ""
        if base:
            data = source.data["policies"][base[1]]
            name = f"{data['name']}: " if isinstance(data, Mapping) and data.get("name") else ""
        yield Found(source.line((*base, *problem.path)), name + problem.problem, problem.fix, problem.convention)


def _structure(data: Any) -> Iterator[PolicyProblem]:
    """Errors of the file as a whole."""
    if not isinstance(data, Mapping):
        yield PolicyProblem(
            (), "not a policy file: the top level must be a mapping", "start the file with `policies:` and a list")
        return
    for key in data:
        if key not in _FILE_KEYS:
            yield PolicyProblem((str(key),), f"unknown key at the top level: {key}",
                            nearest(str(key), _FILE_KEYS, give_all=True))
    if not isinstance(data.get("policies"), list):
        yield PolicyProblem(
            ("policies",), "the file must have a list `policies:`", "put the policies into a list under `policies:`")


def _shape(data: Any) -> Iterator[PolicyProblem]:
    """Errors that prevent any further check of a policy."""
    if not isinstance(data, Mapping):
        yield PolicyProblem((), f"a policy must be a mapping, got {data!r}", "- name: …")
        return
    resource = data.get("resource")
    if isinstance(resource, str) and "." in resource and (foreign := foreign_provider(resource)):
        # The only error of such a policy: none of our rules for policies is about it.
        yield PolicyProblem(("resource",), *foreign)
        return
    for key in ("name", "resource"):
        if not isinstance(data.get(key), str):
            yield PolicyProblem((), f"the policy has no {key}, or it is not a string", f"add {key}: …")
    for key in data:
        if key not in _POLICY_KEYS:
            yield PolicyProblem((str(key),), f"unknown key in a policy: {key}", nearest(str(key), _POLICY_KEYS))
    for key in ("filters", "actions"):
        if not isinstance(data.get(key, []), list):
            yield PolicyProblem((key,), f"{key} must be a list", f"write each as `- type: …` under {key}:")
    if "mode" in data:
        mode = data["mode"]
        if not isinstance(mode, Mapping) or not isinstance(mode.get("type"), str):
            yield PolicyProblem(("mode",), "mode has no type", f"mode: {{type: …}}, one of {', '.join(modes())}")
        elif mode["type"] not in modes():
            yield PolicyProblem(("mode", "type"), f"unknown mode {mode['type']}",
                            nearest(mode["type"], modes(), give_all=True))
    if not isinstance(data.get("metadata", {}), Mapping):
        yield PolicyProblem(("metadata",), "metadata must be a mapping", f"its keys are {', '.join(METADATA)}")


def _policy(policy: Policy, catalogues: Mapping[str, Catalogue], shipped: bool) -> Iterator[PolicyProblem]:
    lambda_mode = is_lambda_mode(policy.mode["type"])
    for problem in (
        *metadata_problems(policy.metadata, shipped=shipped), *_response(policy),
        *_destruction(policy), *_folder(policy), *_parameters(policy), *(_limits(policy) if lambda_mode else ()),
    ):
        yield replace(problem, convention=True)
    yield from control_problems(policy.metadata, catalogues)
    if lambda_mode:
        yield from _function(policy)


def metadata_problems(metadata: Mapping[str, Any], *, shipped: bool) -> Iterator[PolicyProblem]:
    """What is missing or malformed in the metadata of a policy. `shipped`: whether it is one of this project."""
    if not metadata:
        yield PolicyProblem(("metadata",), "the policy has no metadata", f"add metadata: with {', '.join(METADATA)}")
        return
    required = {**METADATA, **({"replaces": _REPLACES} if shipped else {})}
    for key, expected in required.items():
        if key not in metadata:
            near = nearest(key, [str(other) for other in metadata if other not in required])
            yield PolicyProblem(("metadata",), f"metadata has no {key}", near or f"{key}: {expected}")
    for key in ("title", "rationale", "fix", "severity_reason"):
        if key in metadata and not (isinstance(metadata[key], str) and metadata[key].strip()):
            yield PolicyProblem(
                ("metadata", key), f"metadata.{key} must be a string that is not empty",
                f"{key}: {METADATA.get(key, 'why the severity differs from that of the controls')}")
    for key, known in (("severity", SEVERITIES), ("response", RESPONSES), ("scope", SCOPES), ("exposure", EXPOSURES)):
        if key in metadata and metadata[key] not in known:
            yield PolicyProblem(
                ("metadata", key), f"unknown {key} {metadata[key]!r}", nearest(str(metadata[key]), known, give_all=True)
            )
    if not isinstance(metadata.get("replaces", []), list):
        yield PolicyProblem(
            ("metadata", "replaces"), "metadata.replaces must be a list", f"replaces: {_REPLACES}")


def control_problems(metadata: Mapping[str, Any], catalogues: Mapping[str, Catalogue]) -> Iterator[PolicyProblem]:
    """Errors in the controls that a policy claims to check."""
    controls = metadata.get("controls", {})
    if not isinstance(controls, Mapping):
        yield PolicyProblem(("metadata", "controls"), "metadata.controls must be a mapping",
                            f"controls: {METADATA['controls']}", convention=True)
        return
    for framework, ids in controls.items():
        path = ("metadata", "controls", str(framework))
        if framework not in catalogues:
            near = nearest(str(framework), catalogues)  # then it is a typing error, and not a stranger's own metadata
            yield PolicyProblem(path, f"unknown framework {framework}: there is no file controls/{framework}.yml",
                                near or f"use one of {', '.join(catalogues)}", convention=not near)
        elif not isinstance(ids, list):
            yield PolicyProblem(path, f"the controls of {framework} must be a list", f"{framework}: ['1.1']")
        else:
            requirements = catalogues[framework].by_id
            for index, control in enumerate(ids):
                name = control.get("id") if isinstance(control, Mapping) else control
                parts = requirements[name].parts if isinstance(name, str) and name in requirements else {}
                for keys, problem, fix in claim_problems(control, metadata.get("parameters") or {}, parts):
                    yield PolicyProblem((*path, index, *keys), f"{framework}: {problem}", fix)
                if isinstance(name, str) and name not in requirements:
                    yield PolicyProblem((*path, index), f"{framework} has no control {name}",
                                    nearest(name, requirements) or f"see {catalogues[framework].path}")


def _parameters(policy: Policy) -> Iterator[PolicyProblem]:
    """Parameters: every `{name}` needs a default, and a profile must be disabled by default."""
    defaults = policy.metadata.get("parameters", {})
    if not isinstance(defaults, Mapping):
        yield PolicyProblem(
            ("metadata", "parameters"), "metadata.parameters must be a mapping", "parameters: *parameters")
        return
    named = used_parameters(policy.data)
    for name in sorted(named - defaults.keys() - RUNTIME_VARIABLES):
        yield PolicyProblem((), f"the parameter {{{name}}} has no default",
                        nearest(name, [str(key) for key in defaults])
                        or f"add {name} to vars.parameters at the top of the file, with a comment")
    profile = policy.metadata.get("profile")
    chosen = defaults.get("profiles")
    if profile is not None and isinstance(chosen, list) and profile in chosen:
        yield PolicyProblem(
            ("metadata", "profile"), f"the profile {profile} is enabled by default; an account must choose it",
            "set profiles: [] at the top of the file, and choose profiles in accounts.yml")
    if profile is not None and "profiles" not in named:
        yield PolicyProblem(
            ("metadata", "profile"), f"no condition disables the policy where the profile {profile} is not chosen",
            'add conditions: [{type: value, key: policy.metadata.profile, op: in, value: "{profiles}"}]')


def _defaults(source: YamlFile) -> Iterator[PolicyProblem]:
    """Errors in the block of parameters at the top of a file."""
    defaults = (source.data.get("vars") or {}).get("parameters") if isinstance(source.data, Mapping) else None
    if not isinstance(defaults, Mapping):
        return
    policies = [data for data in source.data.get("policies") or () if isinstance(data, Mapping)]
    named = {name for data in policies for name in used_parameters(data)}
    lines = source.text.splitlines()
    for name in defaults:
        path = ("vars", "parameters", str(name))
        line = source.line(path)
        if name in RUNTIME_VARIABLES or not re.fullmatch(r"[a-z][a-z0-9_]*", str(name)):
            yield PolicyProblem(path, f"invalid parameter name {name}",
                            "use lower-case letters, digits and _, and none of c7n's own variables")
        elif name not in named:
            yield PolicyProblem(path, f"no policy in this file uses {{{name}}}", "use it, or remove it")
        if "#" not in lines[line - 1] and not lines[line - 2].lstrip().startswith("#"):
            yield PolicyProblem(
                path, f"the parameter {name} has no comment", "explain its meaning and unit in a comment above it")


def _response(policy: Policy) -> Iterator[PolicyProblem]:
    """Whether metadata.response agrees with the actions: `heal` relies on the response."""
    response = policy.metadata.get("response")
    if response not in RESPONSES:
        return
    actions = [(path, type_of(entry)) for path, entry in walk(policy.data.get("actions"), ("actions",))]
    if response == "none" and actions:
        yield PolicyProblem(("actions",), "metadata.response is none, but the policy has actions",
                        "set the response that the actions make, or remove the actions")
    elif response != "none" and not actions:
        yield PolicyProblem(("metadata", "response"), f"metadata.response is {response}, but the policy has no actions",
                        "add the action, or set response: none")
    elif response in PASSIVE:
        for path, name in actions:
            if name not in TELLING | CALLING:
                yield PolicyProblem(path, f"metadata.response is alert, but the action {name} may change the resource",
                                f"set one of {', '.join(r for r in RESPONSES if r not in PASSIVE)}")


def _destruction(policy: Policy) -> Iterator[PolicyProblem]:
    """An action that cannot be undone needs a profile, and an earlier policy that announces it."""
    filters = {type_of(entry) for _, entry in walk(policy.data.get("filters"), ("filters",))}
    for path, entry in walk(policy.data.get("actions"), ("actions",)):
        name = type_of(entry)
        given = entry if isinstance(entry, Mapping) else {}
        if name not in _DESTRUCTIVE or "options" in given or given.get(_GENTLE.get(name, "")):
            continue
        if not policy.metadata.get("profile"):
            yield PolicyProblem(path, f"the action {name} cannot be undone, and the policy is enabled by default",
                            "add a metadata.profile and its condition")
        if "marked-for-op" not in filters:
            yield PolicyProblem(path, f"the action {name} cannot be undone, and no earlier policy announces it",
                            "add a policy with notify and mark-for-op, and to this one the filter "
                            f"{{type: marked-for-op, op: {name}}}")


def _folder(policy: Policy) -> Iterator[PolicyProblem]:
    folders = [part for part in policy.source.path.parts if part in tuple(Kind)]
    mode = policy.mode["type"]
    if folders and folders[-1] != policy.kind:
        yield PolicyProblem(("mode", "type"), f"a policy with mode {mode} does not belong in the folder {folders[-1]}",
                        f"move it to {policy.kind}/, or change the mode")


def _limits(policy: Policy) -> Iterator[PolicyProblem]:
    """What Lambda would refuse when the function is deployed."""
    if len(policy.function) > NAME_LIMIT:
        yield PolicyProblem(("name",), f"the function name {policy.function} has {len(policy.function)} characters; "
                        f"Lambda allows {NAME_LIMIT}", f"shorten the name by {len(policy.function) - NAME_LIMIT}")
    if not _FUNCTION_NAME.fullmatch(policy.function):
        yield PolicyProblem(
            ("name",), f"the function name {policy.function} has a character that Lambda does not allow",
            "use letters, digits, - and _")
    for setting, (least, most) in _LIMITS.items():
        value = policy.mode.get(setting)
        if isinstance(value, int | float) and not least <= value <= most:
            yield PolicyProblem(("mode", setting), f"mode.{setting} is {value}", f"Lambda allows {least} to {most}")
    description = str(policy.data.get("description", ""))
    if len(description) > DESCRIPTION_LIMIT:
        yield PolicyProblem(("description",), f"the description has {len(description)} characters; "
                        f"Lambda allows {DESCRIPTION_LIMIT}", "move the rest to metadata.rationale")


def _function(policy: Policy) -> Iterator[PolicyProblem]:
    """Errors with which the Lambda function would fail on its first event."""
    own = own_elements(policy)
    ours = sorted(own)
    verb = "is" if len(ours) == 1 else "are"
    if ours:
        used = f"{' and '.join(ours)} {verb} no part of c7n, so without it the function fails on its first event"
    elif policy.kind is Kind.CONFIG_RULE:
        used = "without it AWS Config gets the results of c7n's own mode: a resource just fixed is NON_COMPLIANT"
    else:
        return
    needed = [PACKAGE, *sorted(set(own.values()) - {PACKAGE})]
    if missing := [name for name in needed if name not in (policy.mode.get("packages") or ())]:
        yield PolicyProblem(("mode",), f"mode has no packages: [{', '.join(missing)}]; {used}",
                            f"add packages: [{', '.join(needed)}]", convention=not ours)
    if policy.mode.get("handler") != HANDLER:
        yield PolicyProblem(("mode", "handler"), f"mode.handler is {policy.mode.get('handler', 'not set')}; {used}",
                            f"set handler: {HANDLER}", convention=not ours)


def own_elements(policy: Policy) -> dict[str, str]:
    """The filters and actions of this project and of the team that the policy uses: name to package in the archive."""
    own = {(each.kind, each.type): each.ships_in for each in elements() if each.resource == policy.service}
    own["filter", "scope"] = PACKAGE
    return {
        type_of(entry): own[kind, type_of(entry)]
        for kind in ("filter", "action")
        for _, entry in walk(policy.data.get(f"{kind}s"), (f"{kind}s",))
        if (kind, type_of(entry)) in own
    }
