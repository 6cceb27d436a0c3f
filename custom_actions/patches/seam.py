"""The seam to c7n, c7n-org, boto3 and botocore: all that is replaced there, and all that is read though it is private.

`PATCHES` are installed by the plug-in, in their order. Each says what it replaces and how that looked when the patch
was written. What looks different now is not replaced:

- a required patch raises DoesNotFit, with our file and their version: without it a policy would mean something else;
- a speed-up is left out, with a line in the log: everything works, and takes longer. Lambda's own botocore, which
  nobody pins, must never be why a function does not answer.

`READ` is what other files use of them beyond what is documented. `tests/custom_actions/patches/test_seam.py` checks
every row of both tables, so that moving to a new c7n is to change the pins and to read one list (docs/upgrading.md).
"""
from __future__ import annotations

import inspect
import logging
from dataclasses import dataclass
from importlib import import_module, metadata
from types import ModuleType
from typing import Any

log = logging.getLogger("custodian.guardrails.patches")


class DoesNotFit(Exception):
    """A required patch does not fit the installed version of what it changes."""


@dataclass(frozen=True)
class Target:
    """A name of another package.

    Attributes:
        path: `module:Class.attribute`.
        signature: as Python prints it, without annotations; empty for what is not called.
        text: what must stand in the module's source: for a log line that we read, or an attribute of an instance.
    """

    path: str
    signature: str = ""
    text: str = ""

    def problem(self) -> str:
        """What is different from what is recorded here; empty when nothing is."""
        module_name, _, names = self.path.partition(":")
        try:
            found: Any = import_module(module_name)
        except ImportError as error:
            return f"{module_name} cannot be imported: {error}"
        module: ModuleType = found
        for name in filter(None, names.split(".")):
            if not hasattr(found, name):
                return f"{self.path} is not there"
            found = getattr(found, name)
        if self.signature and (now := _signature(found)) != self.signature:
            return f"{self.path} takes {now}, expected {self.signature}"
        if self.text and self.text not in inspect.getsource(module):
            return f"{module_name} does not contain {self.text!r}"
        return ""


@dataclass(frozen=True)
class Patch:
    """One file of this package: what it replaces, and why."""

    module: str
    """The file's name; its `install` replaces the targets, and doing it again changes nothing."""
    why: str
    required: bool
    """False for a speed-up."""
    targets: tuple[Target, ...]
    upstream: str = ""
    """Where the other project could make the patch unnecessary."""


@dataclass(frozen=True)
class Read:
    """What one of our files uses of another package, though nobody promises that it stays."""

    file: str
    why: str
    targets: tuple[Target, ...]


# Looked at when something is deployed: c7n.mu costs a running function its memory and its start.
ARCHIVE = (
    Target("c7n.mu:PythonPackageArchive.add_directory", "(self, path, ignore=None)"),
    Target("c7n.mu:PythonPackageArchive.add_file", "(self, src, dest=None)"),
)

PATCHES = (
    Patch(
        "service_models", "c7n makes a session in every thread; each would read botocore's service models from disk",
        required=False, targets=(
            Target("botocore.session:create_loader", "(search_path_string=None)"),
            Target("botocore.loaders:Loader", text="self._search_paths"),
        )),
    Patch(
        "parameters", "c7n has no defaults for the variables of a policy",
        required=True, targets=(Target("c7n.policy:Policy.get_variables", "(self, variables=None)"),)),
    Patch(
        "exceptions_in_policies", "exceptions.yml has to hold in every policy, also in a deployed function",
        required=True, targets=(Target("c7n.policy:Policy.expand_variables", "(self, variables)"),)),
    Patch(
        "modes", "c7n's AWS Config modes send wrong evaluations; its cloudtrail mode accepts events of anyone",
        required=True, targets=(
            Target("c7n.policy:execution.register", "(name, klass=None, condition=True, condition_message='Missing "
                   "dependency for {}', aliases=None)"),
            Target("c7n.policy:ConfigRuleMode.resolve_resources", "(self, event)"),
            Target("c7n.policy:ConfigRuleMode.setup_exec_environment", "(self, event)"),
            Target("c7n.policy:ConfigRuleMode.run_resource_set", "(self, event, resources)"),
            Target("c7n.policy:CloudTrailMode.__init__", "(self, policy)"),
            Target("c7n.policy:CloudTrailMode.validate", "(self)"),
            Target("c7n.policy:ConfigPollRuleMode.get_obsolete_evaluations", "(client, cfg_rule_name, "
                   "ordering_ts, evaluations)"),
        )),
    Patch(
        "ask_once", "policies of one sweep ask AWS the same questions; c7n's cache shares wrong answers",
        required=False, targets=(
            Target("c7n.policy:PullMode.run", "(self, *args, **kw)"),
            Target("botocore.client:BaseClient._make_api_call", "(self, operation_name, api_params)"),
            Target("boto3:Session.client"),
        )),
    Patch(
        "archive", "c7n adds files to an archive in the file system's order, so each checkout deploys everything again",
        required=False, targets=(
            Target("c7n.policy:LambdaMode.provision", "(self)"),
        )),
)

READ = (
    Read("custom_actions/plugin.py", "elements are registered as resource types are loaded", (
        Target("c7n.resources.aws:AWS.resources.subscribe", "(func)"),
        Target("c7n.resources.aws:AWS.resources.values", "()"),
    )),
    Read("custom_actions/patches/archive.py", "files go into an archive by name", ARCHIVE),
    Read("custom_actions/functions/rule_function.py", "a rule hears of items that are too large for a message; a hub's "
         "event rules are on its own bus", (
        Target("c7n.mu:PolicyLambda.get_events", "(self, session_factory)"),
        Target("c7n.mu:ConfigRule.get_rule_params", "(self, func)"),
        Target("c7n.mu:ConfigRule.add", "(self, func, existing)"),
        Target("c7n.mu:AWSEventBase.client"),
        Target("c7n.mu:CloudWatchEventSource.add", "(self, func, existing)"),
        Target("c7n.policy:LambdaMode.policy_lambda"),
    )),
    Read("custom_actions/functions/central.py, custom_actions/functions/responder.py",
         "one function runs policies that are not its archive's first", (
             Target("c7n.handler:policy_config"),
             Target("c7n.handler:policy_data"),
             Target("c7n.handler:init_config", "(policy_config)"),
             Target("c7n.handler:dispatch_event", "(event, context)"),
         )),
    Read("custom_actions/elements/monitoring/elements.py", "what is read for several classes is cached as c7n does", (
        Target("c7n.manager:ResourceManager", text="self._cache = "),
    )),
    Read("guardrails/policies/engine.py", "a policy is tried on the schema of its own type", (
        Target("c7n.schema:generate", "(resource_types=())"),
        Target("c7n.schema:JsonSchemaValidator"),
    )),
    Read("guardrails/deployment/blueprints.py", "what c7n would deploy, without deploying it", (
        Target("c7n.policy:Policy._trim_runtime_filters", "(self)"),
        Target("c7n.mu:PolicyLambda.get_archive", "(self)"),
        Target("c7n.mu:custodian_archive", "(packages=None)"),
        Target("c7n.mu:PythonPackageArchive.__init__", "(self, modules=(), cache_file=None)"),
        Target("c7n.mu:PythonPackageArchive.get_checksum"),
        Target("c7n.mu:get_exec_options", "(options)"),
    )),
    Read("guardrails/deployment/plans.py", "what c7n has deployed is compared with what it would deploy", (
        Target("c7n.mu:LambdaManager"),
        Target("c7n.mu:CloudWatchEventSource"),
        Target("c7n.mu:EventBridgeScheduleSource"),
    )),
    Read("guardrails/runs/accounting.py", "c7n-org tells what it has run in its log alone", (
        Target("c7n_org.cli", text='"Running policy:%s account:%s region:%s"'),
        Target("c7n_org.cli", text='Access denied api:%s policy:%s account:%s region:%s'),
        Target("c7n_org.cli", text='"Exception running policy:%s account:%s region:%s error:%s"'),
        Target("c7n_org.cli", text='"Error running policy in %s @ %s exception: %s"'),
    )),
)

_installed: set[str] = set()


def install(*modules: str) -> None:
    """Install the patches of these names, or all of them, where they are not installed yet.

    Raises DoesNotFit for a required one that does not fit.
    """
    for patch in PATCHES:
        if patch.module not in _installed and (patch.module in modules or not modules):
            _install(patch)
            _installed.add(patch.module)


def _install(patch: Patch) -> None:
    problems = [problem for target in patch.targets if (problem := target.problem())]
    try:
        if not problems:
            import_module(f"{__package__}.{patch.module}").install()
    except Exception as error:
        if patch.required:
            raise DoesNotFit(_message(patch, repr(error))) from error
        problems.append(repr(error))
    if not problems:
        return
    message = _message(patch, "; ".join(problems))
    if patch.required:
        raise DoesNotFit(message)
    log.warning("%s. It is a speed-up, and left out.", message)


def _message(patch: Patch, problem: str) -> str:
    packages = dict.fromkeys(target.path.partition(":")[0].partition(".")[0] for target in patch.targets)
    versions = ", ".join(f"{name} {_version(name)}" for name in packages)
    return (
        f"custom_actions/patches/{patch.module}.py does not fit {versions}: {problem}. "
        "Install the versions of requirements/project.lock, or see docs/upgrading.md"
    )


def _version(package: str) -> str:
    """A package's version; c7n's own constant in a function's archive, which has no metadata."""
    module = import_module("c7n.version" if package == "c7n" else package)
    found = getattr(module, "version", None) or getattr(module, "__version__", None)
    if isinstance(found, str):
        return found
    try:
        return metadata.version(package.replace("_", "-"))
    except metadata.PackageNotFoundError:
        return "of an unknown version"


def _signature(found: Any) -> str:
    signature = inspect.signature(found)
    parameters = [each.replace(annotation=inspect.Parameter.empty) for each in signature.parameters.values()]
    return str(signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty))
