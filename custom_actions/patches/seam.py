"""Everything of c7n, c7n-org, boto3 and botocore that this project replaces, or uses although it is private.

The plug-in installs `PATCHES` in their order. Each patch lists its targets and their signatures when it was written. If
a target has changed since, it is not replaced:

- A required patch raises DoesNotFit, with our file and the installed version, because without it policies would behave
  differently.
- An optional patch (a speed-up, or a check of responses) is skipped with a log line: policies decide the same. Lambda
  provides its own, unpinned botocore, and a change there must never break a function.

`READ` lists private names that other files use. `tests/custom_actions/patches/test_seam.py` checks every row of both
tables. So an upgrade of c7n means changing the pins and reading one list of failures (docs/upgrading.md).
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
    """A required patch does not fit the installed version of its target."""


@dataclass(frozen=True)
class Target:
    """A name of another package.

    Attributes:
        path: `module:Class.attribute`.
        signature: as Python prints it, without annotations; empty if the target is not called.
        text: text that the module's source must contain, such as a log line that we parse or an instance attribute.
    """

    path: str
    signature: str = ""
    text: str = ""

    def problem(self) -> str:
        """How the installed target differs from this record; empty if it does not."""
        module_name, _, names = self.path.partition(":")
        try:
            found: Any = import_module(module_name)
        except ImportError as error:
            return f"{module_name} cannot be imported: {error}"
        module: ModuleType = found
        for name in filter(None, names.split(".")):
            if not hasattr(found, name):
                return f"{self.path} does not exist"
            found = getattr(found, name)
        if self.signature and (now := _signature(found)) != self.signature:
            return f"{self.path} takes {now}, expected {self.signature}"
        if self.text and self.text not in _source(module):
            return f"{module_name} does not contain {self.text!r}"
        return ""


def _source(module: ModuleType) -> str:
    """The module's source text. inspect.getsource would look through all modules, and a cold start waits for that."""
    loader: Any = module.__spec__.loader if module.__spec__ else None
    return str(loader.get_source(module.__name__)) if hasattr(loader, "get_source") else ""


@dataclass(frozen=True)
class Patch:
    """One file of this package: what it replaces, and why."""

    module: str
    """The file's name. Its function `install` replaces the targets; calling it again has no effect."""
    why: str
    required: bool
    """False if policies do the same without it: a speed-up, or a check of what AWS never sends."""
    targets: tuple[Target, ...]
    upstream: str = ""
    """Where the other project could make the patch unnecessary."""


@dataclass(frozen=True)
class Read:
    """Private or undocumented names of another package that one of our files uses."""

    file: str
    why: str
    targets: tuple[Target, ...]


# Checked only for deployments, because importing c7n.mu would cost a running function memory and start-up time.
ARCHIVE = (
    Target("c7n.mu:PythonPackageArchive.add_directory", "(self, path, ignore=None)"),
    Target("c7n.mu:PythonPackageArchive.add_file", "(self, src, dest=None)"),
    Target("c7n.mu:PythonPackageArchive.__init__", "(self, modules=(), cache_file=None)"),
    Target("c7n.mu:custodian_archive", "(packages=None)", text="PythonPackageArchive(sorted(modules))"),
    Target("c7n.mu:PolicyLambda.__init__", text="custodian_archive(packages=self.packages)"),
)

PATCHES = (
    Patch(
        "time_zones", "c7n parses all time zones when it is imported", required=False, targets=(
            Target("dateutil.zoneinfo:get_zonefile_instance", "(new_instance=False)"),
        )),
    Patch(
        "generic_elements", "c7n imports EC2 and IAM for elements that few policies use", required=False, targets=(
            Target("c7n.resources:LOADED"),
            Target("c7n.resources:should_load_provider", "(name, provider_types, no_wild=False)"),
            Target("c7n.resources", text="import c7n.resources.ssm # NOQA"),
        )),
    Patch(
        "service_models", "c7n creates a session in every thread, and each reads botocore's service models from disk",
        required=False, targets=(
            Target("botocore.session:create_loader", "(search_path_string=None)"),
            Target("botocore.loaders:Loader", text="self._search_paths"),
            Target("botocore.loaders:Loader.load_service_model"),
            Target("botocore.loaders:Loader.list_api_versions"),
        )),
    Patch(
        "shared_clients", "c7n makes new sessions and clients for each event of a function", required=False, targets=(
            Target("c7n.credentials:SessionFactory.__call__", "(self, assume=True, region=None)"),
            Target("c7n.credentials:SessionFactory.update", "(self, session)"),
            Target("c7n.credentials", text="for s in self._subscribers:"),
            Target("c7n.utils:get_account_alias_from_sts", "(session)"),
            Target("boto3:Session.client"),
            Target("botocore.useragent:UserAgentString.set_session_config", "(self, session_user_agent_name, "
                   "session_user_agent_version, session_user_agent_extra)"),
            Target("botocore.client:BaseClient.__init__", text="self._user_agent_creator = user_agent_creator"),
        )),
    Patch(
        "checked_responses", "botocore reads a page of a proxy, with status 200, as an empty result",
        required=False, targets=(
            Target("botocore.handlers:BUILTIN_HANDLERS"),
            Target("botocore.session", text="for spec in handlers.BUILTIN_HANDLERS"),
            Target("botocore.endpoint", text='f"before-parse.{service_id}.{operation_model.name}"'),
            Target("botocore.model:ServiceModel.resolved_protocol"),
            Target("botocore.model:OperationModel.wire_name"),
        )),
    Patch(
        "call_rate", "many workers of a sweep at once must leave an account's API quota to others",
        required=False, targets=(
            Target("botocore.handlers:BUILTIN_HANDLERS"),
            Target("botocore.endpoint", text='f"before-send.{service_id}.{operation_model.name}"'),
        )),
    Patch(
        "parameters", "c7n has no defaults for the variables of a policy; its braces read the process's environment",
        required=True, targets=(
            Target("c7n.policy:Policy.get_variables", "(self, variables=None)"),
            Target("c7n.policy:Policy.__init__", "(self, data, options, session_factory=None)"),
            Target("c7n.policy:Policy.expand_variables", "(self, variables)"),
            Target("c7n.varfmt:VarFormat.get_field", "(self, field_name, args, kwargs)"),
        )),
    Patch(
        "exceptions_in_policies", "exceptions.yml must apply to every policy, also in a deployed function",
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
            Target("c7n.policy:LambdaMode.run", "(self, event, lambda_context)"),
            Target("c7n.policy:ConfigPollRuleMode.get_obsolete_evaluations", "(client, cfg_rule_name, "
                   "ordering_ts, evaluations)"),
        )),
    Patch(
        "unreadable_resources", "c7n takes a resource that cannot be read for one that does not exist",
        required=True, targets=(
            Target("c7n.query:QueryResourceManager.get_resources", "(self, ids, cache=True, augment=True)"),
            Target("c7n.query:QueryResourceManager._get_cached_resources", "(self, ids)"),
        )),
    Patch(
        "every_page", "c7n reads only the first page of lists without a paginator in botocore, and of some details",
        required=True, targets=(
            Target("botocore.client:BaseClient._make_api_call", "(self, operation_name, api_params)"),
            Target("c7n.query:ResourceQuery._invoke_client_enum", "(self, client, enum_op, params, path, retry=None)"),
        )),
    Patch(
        "unknown_resources", "one resource that cannot be read ends the check of all others; c7n does not say how many "
        "resources a policy looked at",
        required=True, targets=(
            Target("c7n.manager:ResourceManager.filter_resources", "(self, resources, event=None)"),
            Target("c7n.query:QueryResourceManager.augment", "(self, resources)"),
            Target("c7n.query:ChildResourceQuery.filter", "(self, resource_manager, parent_ids=None, **params)"),
            Target("c7n.filters.missing:Missing.process", "(self, resources, event=None)"),
            Target("c7n.policy:PullMode.run", "(self, *args, **kw)"),
        )),
    Patch(
        "ask_once", "policies of one sweep make the same calls; c7n's cache shares too little and too much",
        required=False, targets=(
            Target("c7n.policy:PullMode.run", "(self, *args, **kw)"),
            Target("botocore.client:BaseClient._make_api_call", "(self, operation_name, api_params)"),
            Target("boto3:Session.client"),
            Target("boto3.session:Session", text="self._session = "),
            Target("botocore.config:Config.merge", "(self, other_config)"),
            Target("botocore.config:Config", text="self._user_provided_options = "),
        )),
    Patch(
        "side_by_side", "c7n reads the details of two or three resources at a time", required=False, targets=(
            Target("c7n.element:Element", text="executor_factory = ThreadPoolExecutor"),
            Target("c7n.manager:ResourceManager", text="executor_factory = ThreadPoolExecutor"),
        )),
    Patch(
        "archive", "c7n adds files to an archive in the file system's order, so each checkout deploys everything again",
        required=False, targets=(
            Target("c7n.policy:LambdaMode.provision", "(self)"),
        )),
)

READ = (
    Read("custom_actions/patches/time_zones.py", "looks time zones up when they are needed", (
        Target("c7n.filters.offhours:Time.TZ_ALIASES"),
        Target("c7n.filters.offhours", text="z_names = list(zoneinfo.get_zonefile_instance().zones)"),
        Target("c7n.filters.offhours:Time.get_tz", "(tz)"),
    )),
    Read("custom_actions/patches/generic_elements.py", "knows which elements c7n adds to every resource type", (
        Target("c7n.resources.sfn", text="resources.subscribe(InvokeStepFunction.register_resources)"),
        Target("c7n.resources.ssm", text="resources.subscribe(OpsItemFilter.register_resource)"),
        Target("c7n.resources.ssm", text="resources.subscribe(PostItem.register_resource)"),
        Target("c7n.resources.securityhub", text="resources.subscribe(OtherResourcePostFinding.register_resource)"),
        Target("c7n.resources.securityhub", text="resources.subscribe(SecurityHubFindingFilter.register_resources)"),
    )),
    Read("custom_actions/patches/shared_clients.py", "counts the calls of a client that is used again", (
        Target("c7n.resources.aws", text="'after-call.*.*', self._record, unique_id='c7n-api-stats'"),
    )),
    Read("custom_actions/_autoload.py", "our processes load c7n without its tracer", (
        Target("c7n.resources.aws", text="except ImportError:\n    HAVE_XRAY = False"),
    )),
    Read("custom_actions/plugin.py", "elements are registered as resource types are loaded", (
        Target("c7n.resources.aws:AWS.resources.subscribe", "(func)"),
        Target("c7n.resources.aws:AWS.resources.values", "()"),
    )),
    Read("custom_actions/resource_types/registry.py", "c7n finds our resource types where it finds its own", (
        Target("c7n.resources.resource_map:ResourceMap"),
        Target("c7n.resources.aws:AWS.resource_map", text="resource_map = ResourceMap"),
        Target("c7n.provider:import_resource_classes", "(resource_map, resource_types)",
               text="rmodule, rclass = resource_map[rtype].rsplit('.', 1)"),
        Target("c7n.manager:resources.register", "(name, klass=None, condition=True, condition_message='Missing "
               "dependency for {}', aliases=None)"),
    )),
    Read("custom_actions/elements/native/recorder.py", "while an action of c7n processes a resource, its calls are "
         "recorded: the method is replaced for that time", (
             Target("botocore.client:BaseClient._make_api_call", "(self, operation_name, api_params)"),
         )),
    Read("custom_actions/elements/native/action.py, custom_actions/fixing/telling.py", "actions of c7n are registered "
         "again as subclasses: with receipts, and with messages only about what was fixed", (
             Target("c7n.actions:Notify.process", "(self, resources, event=None)"),
             Target("c7n.actions:Notify.register_resource", "(registry, resource_class)"),
         )),
    Read("custom_actions/patches/parameters.py", "policies are filled in with the formatter that is guarded", (
        Target("c7n.policy:Policy", text="formatter=var_fmt.format, **variables"),
    )),
    Read("custom_actions/patches/archive.py", "files of archives are sorted by name, and compressed once", ARCHIVE),
    Read("custom_actions/functions/rule_function.py", "a rule also receives items that are too large for a message; a "
         "hub's event rules are on its own bus; targets of event rules have a dead-letter queue", (
        Target("c7n.mu:PolicyLambda.get_events", "(self, session_factory)"),
        Target("c7n.mu:ConfigRule.get_rule_params", "(self, func)"),
        Target("c7n.mu:ConfigRule.add", "(self, func, existing)"),
        Target("c7n.mu:AWSEventBase.client"),
        Target("c7n.mu:CloudWatchEventSource.add", "(self, func, existing)"),
        Target("c7n.mu:normalize_arn", "(func_arn)"),
        Target("c7n.policy:LambdaMode.policy_lambda"),
    )),
    Read("custom_actions/functions/central.py, custom_actions/functions/group.py, "
         "custom_actions/functions/responder.py", "one function runs all policies of its archive, not only the first", (
             Target("c7n.handler:policy_config"),
             Target("c7n.handler:policy_data"),
             Target("c7n.handler:init_config", "(policy_config)"),
             Target("c7n.handler:dispatch_event", "(event, context)"),
         )),
    Read("custom_actions/patches/unknown_resources.py", "c7n only logs that a queue denies access", (
        Target("c7n.resources.sqs", text='"Denied access to sqs %s"'),
    )),
    Read("custom_actions/patches/unknown_resources.py", "two types read their details in methods of their own", (
        Target("c7n.resources.emr:EMRCluster.augment", "(self, resources)"),
        Target("c7n.resources.ec2:LaunchTemplate.augment", "(self, resources)"),
    )),
    Read("custom_actions/patches/unknown_resources.py", "c7n only logs that services of a cluster cannot be read", (
        Target("c7n.resources.ecs", text="'error fetching ecs resources for cluster %s: %s'"),
    )),
    Read("custom_actions/resources/endpoint.py", "c7n writes out the address of SQS, also in the sandbox", (
        Target("c7n.resources.sqs:SQS.get_client", "(self)"),
        Target("c7n.resources.sqs", text="endpoint = 'https://sqs.{region}.amazonaws.com'"),
    )),
    Read("custom_actions/patches/unknown_resources.py", "c7n takes a deleted bucket for one without settings", (
        Target("c7n.resources.s3:BucketAssembly.handle_not_found", "(self, bucket, method_name, error_code=None)"),
    )),
    Read("custom_actions/resources/incomplete.py", "c7n goes on without details that it may not read", (
        Target("c7n.resources.s3:S3_AUGMENT_TABLE"),
        Target("c7n.resources.s3:BucketAssembly.detect_augment_fields", "(self)"),
        Target("c7n.resources.s3", text="bucket.setdefault('c7n:DeniedMethods', [])"),
        Target("c7n.resources.kms", text="r['Arn'] = r['KeyArn']"),
    )),
    Read("custom_actions/elements/monitoring/elements.py", "data that several policies read is kept in c7n's cache", (
        Target("c7n.manager:ResourceManager", text="self._cache = "),
    )),
    Read("guardrails/policies/engine.py", "a policy is validated against the schema of its own resource type", (
        Target("c7n.schema:generate", "(resource_types=())"),
        Target("c7n.schema:JsonSchemaValidator"),
        Target("c7n.loader", text="self.validator = SchemaValidator()"),
        Target("c7n.loader:SchemaValidator.validate", "(self, policy_data, resource_types=None)"),
        Target("c7n.resources.aws:fake_session", "()"),
    )),
    Read("guardrails/deployment/blueprints.py", "computes what c7n would deploy, without deploying it", (
        Target("c7n.policy:Policy._trim_runtime_filters", "(self)"),
        Target("c7n.mu:PolicyLambda.get_archive", "(self)"),
        Target("c7n.mu:custodian_archive", "(packages=None)"),
        Target("c7n.mu:PythonPackageArchive.__init__", "(self, modules=(), cache_file=None)"),
        Target("c7n.mu:PythonPackageArchive.get_checksum"),
        Target("c7n.mu:get_exec_options", "(options)"),
    )),
    Read("guardrails/deployment/groups.py, guardrails/deployment/group_rollout.py, "
         "guardrails/deployment/group_triggers.py", "deploys one function for many policies, and the rule of each", (
             Target("c7n.mu:LambdaFunction"),
             Target("c7n.mu:LambdaManager.publish", "(self, func, alias=None, role=None, s3_uri=None)"),
             Target("c7n.mu:ConfigRule.get_rule_params", "(self, func)"),
             Target("c7n.mu:ConfigRule.readonly_fields"),
             Target("c7n.mu:CloudWatchEventSource.render_event_pattern", "(self)"),
             Target("c7n.mu:LambdaRetry"),
             # The id with which c7n replaces the target of a group, and a group that of c7n.
             Target("c7n.mu", text='Targets=[{"Id": func.event_name, "Arn": func_arn}]'),
         )),
    Read("guardrails/deployment/plans.py", "compares what c7n has deployed with what it would deploy", (
        Target("c7n.mu:LambdaManager"),
        Target("c7n.mu:CloudWatchEventSource"),
        Target("c7n.mu:EventBridgeScheduleSource"),
    )),
    Read("guardrails/runs/accounting.py", "c7n-org reports what it has run only in its log", (
        Target("c7n_org.cli", text='"Running policy:%s account:%s region:%s"'),
        Target("c7n_org.cli", text='Access denied api:%s policy:%s account:%s region:%s'),
        Target("c7n_org.cli", text='"Exception running policy:%s account:%s region:%s error:%s"'),
        Target("c7n_org.cli", text='"Error running policy in %s @ %s exception: %s"'),
    )),
    Read("guardrails/runs/in_process.py, guardrails/runs/target.py",
         "a sweep calls c7n-org's own function in workers of its own, or in this process", (
        Target("c7n_org.cli:run_account", "(account, region, policies_config, output_path, cache_period, cache_path, "
               "metrics, dryrun, debug)", text="    load_available()\n\n    output_path = join_output_path("),
        Target("c7n_org.cli:get_session", "(account, session_name, region)",
               text="_get_env_creds(account, get_session(account, 'custodian', region), region)"),
        Target("c7n_org.cli:_get_env_creds", text="creds = session._session.get_credentials()"),
        Target("c7n_org.cli:accounts_iterator", "(config)"),
        Target("c7n_org.cli:LogFilter.filter", "(self, r)"),
        Target("c7n_org.cli", text='format="%(asctime)s: %(name)s:%(levelname)s %(message)s"'),
        Target("c7n_org.cli", text="logging.getLogger('custodian.s3').setLevel(logging.ERROR)"),
    )),
    Read("guardrails/runs/client_pool.py, guardrails/accounts/credentials.py", "clients are shared by accounts, and "
         "sign with exchanged credentials", (
             Target("boto3:Session.client"),
             Target("botocore.session:Session", text="self._credentials"),
             Target("botocore.signers", text="frozen_credentials = credentials.get_frozen_credentials()"),
         )),
    Read("guardrails/runs/heal_limits.py", "only c7n's log tells that a policy stopped at its own limit", (
        Target("c7n.query:MaxResourceLimit", text='"policy:%s exceeded resource-limit:'),
    )),
)

_installed: set[str] = set()


def install(*modules: str) -> None:
    """Install the named patches, or all of them, unless they are installed already.

    Raises DoesNotFit if a required patch does not fit.
    """
    for patch in PATCHES:
        if patch.module not in _installed and (patch.module in modules or not modules):
            _install(patch)
            _installed.add(patch.module)


def prepare_sessions() -> None:
    """Install the patches that take effect only for sessions made later. Calling it again has no effect."""
    install("service_models", "checked_responses", "call_rate")


def prepare_function() -> None:
    """Install the patches that take effect only while c7n is imported, at the start of a function."""
    install("time_zones", "generic_elements")


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
    log.warning("%s. This optional patch is skipped.", message)


def _message(patch: Patch, problem: str) -> str:
    packages = dict.fromkeys(target.path.partition(":")[0].partition(".")[0] for target in patch.targets)
    versions = ", ".join(f"{name} {_version(name)}" for name in packages)
    return (
        f"custom_actions/patches/{patch.module}.py does not fit {versions}: {problem}. "
        "Install the versions of requirements/project.lock, or see docs/upgrading.md"
    )


def _version(package: str) -> str:
    """A package's version. A function's archive has no package metadata, so c7n's own constant is read."""
    module = import_module("c7n.version" if package == "c7n" else package)
    found = getattr(module, "version", None) or getattr(module, "__version__", None)
    if isinstance(found, str):
        return found
    try:
        return metadata.version(package.replace("_", "-"))
    except metadata.PackageNotFoundError:
        return "(unknown version)"


def _signature(found: Any) -> str:
    signature = inspect.signature(found)
    parameters = [each.replace(annotation=inspect.Parameter.empty) for each in signature.parameters.values()]
    return str(signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty))
