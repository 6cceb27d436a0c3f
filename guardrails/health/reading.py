"""Reads what the checks need, and changes nothing. A failed call becomes Unread with its reason, and the other results
are kept.
"""
from __future__ import annotations

import io
import json
import re
import urllib.request
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from botocore.config import Config
from botocore.exceptions import ClientError

from custom_actions.names import EVENTS_QUEUE, FUNCTION_PREFIX, HUB_BUS, REDELIVERY_ROLE

from ..accounts import AWS_ERRORS, Account, reason_of
from ..deployment import is_hub, is_ours
from ..limits import HEALTH_READS
from .expectations import ExpectedFunction
from .facts import Found, FunctionActivity, FunctionFacts, FunctionLog, Read, RegionFacts, RoleFacts, TrailFacts, Unread

LOOKED_BACK = timedelta(hours=26)
"""A day, and the delay with which the metrics of a daily run can arrive."""
_CLIENT = Config(
    connect_timeout=10, read_timeout=30, retries={"mode": "standard", "max_attempts": 4},
    max_pool_connections=HEALTH_READS)
_METRICS = {"Invocations": "invocations", "Errors": "errors", "Throttles": "throttles",
            "DeadLetterErrors": "not_delivered"}
# GetMetricData accepts 500 queries; SimulatePrincipalPolicy is slow with many actions.
_FUNCTIONS_A_QUERY = 500 // len(_METRICS)
_ACTIONS_A_QUERY = 50
_LOG_PAGES = 20
_LARGEST_ARCHIVE = 64 * 1024 * 1024
_DOWNLOAD_SECONDS = 60
# Lambda's own format, that of a runtime without a handler, and JSON. Lambda itself counts runs that time out.
_ERROR_LINE = re.compile(r'\[ERROR\]|\S+ \S+ ERROR |.*"level":\s*"ERROR"')
_GONE = frozenset({
    "ResourceNotFoundException", "NoSuchEntity", "NotFound", "NotFoundException", "QueueDoesNotExist",
    "AWS.SimpleQueueService.NonExistentQueue",
})

_Answer = TypeVar("_Answer")


def attempt(call: Callable[[], _Answer]) -> Read[_Answer | None]:
    """The result of `call`; None when the resource does not exist, and Unread when it cannot be read."""
    try:
        return call()
    except AWS_ERRORS as error:
        if isinstance(error, ClientError) and error.response.get("Error", {}).get("Code") in _GONE:
            return None
        return Unread(reason_of(error))


def attempt_or(call: Callable[[], _Answer], nothing: _Answer) -> Read[_Answer]:
    """The result of `call`; `nothing` when the resource does not exist, and Unread when it cannot be read."""
    found = attempt(call)
    return nothing if found is None else found


class AccountReader:
    """Reads one account and region. Its constructor raises one of AWS_ERRORS when the account cannot be accessed."""

    def __init__(self, account: Account, region: str, now: datetime) -> None:
        self.account, self.region = account, region
        self._now = now
        self._session = account.session(region)
        self._clients: dict[str, Any] = {}
        for service in ("lambda", "events", "scheduler", "config", "cloudtrail", "iam", "sqs", "sns", "logs",
                        "cloudwatch", "dynamodb"):
            # Created here: clients are thread-safe, sessions are not.
            self._clients[service] = self._session.client(service, config=_CLIENT)

    def client(self, service: str) -> Any:
        """The account's client of a service."""
        return self._clients[service]

    def pages(self, service: str, operation: str, key: str, **parameters: Any) -> list[Any]:
        """All entries of a paginated list."""
        pages = self.client(service).get_paginator(operation).paginate(**parameters)
        return [entry for page in pages for entry in page.get(key) or ()]

    # -- the region -------------------------------------------------------------------------------------------

    def functions(self, prefixes: Sequence[str]) -> Read[Mapping[str, Mapping[str, Any]]]:
        """The functions whose names have one of the prefixes."""
        return attempt_or(lambda: {
            each["FunctionName"]: each for each in self.pages("lambda", "list_functions", "Functions")
            if each["FunctionName"].startswith(tuple(prefixes))
        }, {})

    def rules(self) -> Read[Mapping[str, Mapping[str, Any]]]:
        """The event rules of the default bus, by name; in a hub those of its bus too, by `guardrails/NAME`."""
        found: Read[dict[str, Any]] = attempt_or(
            lambda: {each["Name"]: each for each in self.pages("events", "list_rules", "Rules")}, {})
        if isinstance(found, Unread) or not is_hub(self.account, self.region):
            return found
        central: Read[dict[str, Any]] = attempt_or(lambda: {
            f"{HUB_BUS}/{each['Name']}": each
            for each in self.pages("events", "list_rules", "Rules", EventBusName=HUB_BUS)}, {})
        return central if isinstance(central, Unread) else {**found, **central}

    def config_rules(self) -> Read[Mapping[str, Mapping[str, Any]]]:
        """AWS Config's rules, each with its evaluation status."""
        rules: Read[list[Any]] = attempt_or(lambda: self.pages("config", "describe_config_rules", "ConfigRules"), [])
        if isinstance(rules, Unread):
            return rules
        if not rules:
            return {}
        status: Read[dict[str, Any]] = attempt_or(lambda: {
            each["ConfigRuleName"]: each for each in self.pages(
                "config", "describe_config_rule_evaluation_status", "ConfigRulesEvaluationStatus")}, {})
        return {
            each["ConfigRuleName"]: {
                **each, "status": status if isinstance(status, Unread) else status.get(each["ConfigRuleName"], {})}
            for each in rules
        }

    def recorders(self) -> Read[Sequence[Mapping[str, Any]]]:
        """AWS Config's recorders, each with its status."""
        def both() -> list[Mapping[str, Any]]:
            config = self.client("config")
            states = {
                state["name"]: state
                for state in config.describe_configuration_recorder_status()["ConfigurationRecordersStatus"]}
            return [
                {**each, "status": states.get(each["name"], {})}
                for each in config.describe_configuration_recorders()["ConfigurationRecorders"]]
        return attempt_or(both, [])

    def trails(self) -> Read[Sequence[TrailFacts]]:
        """The trails that record this region, including those of other regions and of the organization."""
        client = self.client("cloudtrail")

        def one(trail: Mapping[str, Any]) -> TrailFacts:
            arn = trail["TrailARN"]
            status = attempt(lambda: client.get_trail_status(Name=arn))
            selectors = attempt(lambda: client.get_event_selectors(TrailName=arn))
            return TrailFacts(
                trail["Name"],
                status if isinstance(status, Unread) else bool((status or {}).get("IsLogging")),
                {} if selectors is None else selectors)

        return attempt_or(
            lambda: [one(trail) for trail in client.describe_trails(includeShadowTrails=True)["trailList"]
                     if trail.get("IsMultiRegionTrail") or trail.get("HomeRegion") == self.region], [])

    def topic(self, arn: str) -> Read[Found]:
        """The attributes of a topic, with its policy; None when it does not exist."""
        found = attempt(lambda: self.client("sns").get_topic_attributes(TopicArn=arn))
        return found if found is None or isinstance(found, Unread) else found["Attributes"]

    def is_ours(self, function: str) -> Read[bool]:
        """Whether a function's tags identify it as this project's."""
        found = attempt(lambda: self.client("lambda").get_function(FunctionName=function))
        return found if isinstance(found, Unread) else is_ours((found or {}).get("Tags") or {})

    def activity(self, functions: Sequence[str]) -> dict[str, Read[FunctionActivity]]:
        """The functions' activity of the last day, by name."""
        found: dict[str, Read[FunctionActivity]] = {}
        for first in range(0, len(functions), _FUNCTIONS_A_QUERY):
            some = functions[first:first + _FUNCTIONS_A_QUERY]
            answer = self._sums(some)
            for name in some:
                found[name] = answer if isinstance(answer, Unread) else answer[name]
        return found

    def _sums(self, functions: Sequence[str]) -> Read[dict[str, FunctionActivity]]:
        queries = [
            {"Id": f"q{number}_{metric.lower()}", "MetricStat": {
                "Metric": {"Namespace": "AWS/Lambda", "MetricName": metric,
                           "Dimensions": [{"Name": "FunctionName", "Value": name}]},
                "Period": 3600, "Stat": "Sum"}}
            for number, name in enumerate(functions) for metric in _METRICS]
        results = attempt(lambda: self.pages(
            "cloudwatch", "get_metric_data", "MetricDataResults", MetricDataQueries=queries,
            StartTime=self._now - LOOKED_BACK, EndTime=self._now + timedelta(hours=1)))
        if results is None or isinstance(results, Unread):
            return results or Unread("CloudWatch has no metrics")
        sums: dict[str, float] = {}
        for result in results:
            if result.get("StatusCode") in ("InternalError", "Forbidden"):
                return Unread(f"CloudWatch returned {result['StatusCode']}")
            sums[result["Id"]] = sums.get(result["Id"], 0.0) + sum(result["Values"])
        return {
            name: FunctionActivity(**{field: sums.get(f"q{number}_{metric.lower()}", 0.0)
                              for metric, field in _METRICS.items()})
            for number, name in enumerate(functions)}

    # -- one function -----------------------------------------------------------------------------------------

    def function(
        self, wanted: ExpectedFunction, rules: Read[Mapping[str, Any]], activity: Read[FunctionActivity]
    ) -> FunctionFacts:
        """Everything about a deployed function."""
        name = wanted.function
        client = self.client("lambda")
        found = attempt(lambda: client.get_function(FunctionName=name))
        if found is None or isinstance(found, Unread):
            return FunctionFacts(found)
        configuration = found["Configuration"]
        by_rule = not isinstance(rules, Unread) and wanted.rule in rules
        bus = wanted.rule.rpartition("/")[0] or "default"
        return FunctionFacts(
            found,
            statements=attempt_or(lambda: statements_of(client.get_policy(FunctionName=name)["Policy"]), []),
            targets=attempt_or(lambda: [
                each["Arn"] for each in self.pages(
                    "events", "list_targets_by_rule", "Targets", Rule=name, EventBusName=bus)
            ], []) if by_rule else rules if isinstance(rules, Unread) else (),
            schedule=self._schedule(wanted) if wanted.mode == "schedule" else None,
            archive=archive_of(found) if configuration.get("CodeSha256") != wanted.sha256 else None,
            dead_letters=self.waiting(configuration),
            activity=activity,
            log=self._log(name),
            age=self._age(configuration.get("LastModified")),
        )

    def _age(self, deployed: Any) -> timedelta | None:
        try:
            return self._now - datetime.fromisoformat(str(deployed))
        except (ValueError, TypeError):
            return None

    def _schedule(self, wanted: ExpectedFunction) -> Read[Found]:
        group = str(wanted.policy.mode.get("group-name") or "default")
        return attempt(lambda: self.client("scheduler").get_schedule(Name=wanted.function, GroupName=group))

    def waiting(self, configuration: Mapping[str, Any]) -> Read[int | None]:
        """The number of messages in a function's own dead-letter queue; None without one, or with the shared one."""
        arn = str((configuration.get("DeadLetterConfig") or {}).get("TargetArn") or "")
        if ":sqs:" not in arn or arn.endswith(f":{EVENTS_QUEUE}"):
            return None
        account, name = arn.split(":")[4:6]
        sqs = self.client("sqs")

        def count() -> int:
            url = sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"]
            attributes = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
            got = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=attributes)["Attributes"]
            return sum(int(got.get(each, 0)) for each in attributes)

        return attempt(count)

    def _log(self, name: str) -> Read[FunctionLog | None]:
        def read() -> Read[FunctionLog]:
            logs, group = self.client("logs"), f"/aws/lambda/{name}"
            since = int((self._now - LOOKED_BACK).timestamp() * 1000)
            some = logs.filter_log_events(logGroupName=group, startTime=since, limit=1)
            lines: list[str] = []
            pages = logs.get_paginator("filter_log_events").paginate(
                logGroupName=group, startTime=since, filterPattern="ERROR")
            # An empty page need not be the last: pages limit the log that is searched, not the lines that are found.
            for number, page in enumerate(pages, start=1):
                lines += [each["message"].strip() for each in page["events"] if _ERROR_LINE.match(each["message"])]
                if number == _LOG_PAGES and page.get("nextToken"):
                    if not lines:
                        return Unread("it is too long to be read completely")
                    break
            return FunctionLog(bool(some["events"] or lines), [" ".join(line.split())[:200] for line in lines])

        return attempt(read)

    # -- one role ---------------------------------------------------------------------------------------------

    def redelivery(self) -> RoleFacts:
        """The role with which EventBridge Scheduler delivers an event to a function again."""
        return self.role(REDELIVERY_ROLE, ["lambda:InvokeFunction"])

    def role(self, arn: str, actions: Iterable[str]) -> RoleFacts:
        """The role of this ARN or name, and which of `actions` it allows."""
        iam, name = self.client("iam"), arn.rpartition("/")[2]
        found = attempt(lambda: iam.get_role(RoleName=name)["Role"])
        if found is None or isinstance(found, Unread):
            return RoleFacts(found)
        wanted = sorted(set(actions))

        def decisions() -> dict[str, str]:
            decided: dict[str, str] = {}
            for first in range(0, len(wanted), _ACTIONS_A_QUERY):
                for result in self.pages("iam", "simulate_principal_policy", "EvaluationResults",
                                         PolicySourceArn=found["Arn"],
                                         ActionNames=wanted[first:first + _ACTIONS_A_QUERY]):
                    decided[result["EvalActionName"]] = result["EvalDecision"]
            return decided

        return RoleFacts(found, attempt_or(decisions, {}), attempt_or(lambda: self._granted(name), ()))

    def _granted(self, role: str) -> list[str]:
        iam = self.client("iam")
        documents = [
            iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            for name in self.pages("iam", "list_role_policies", "PolicyNames", RoleName=role)]
        for attached in self.pages("iam", "list_attached_role_policies", "AttachedPolicies", RoleName=role):
            arn = attached["PolicyArn"]
            version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            documents.append(iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"])
        actions: list[str] = []
        for document in documents:
            statements = document.get("Statement") or []
            for statement in statements if isinstance(statements, list) else [statements]:
                if statement.get("Effect") != "Allow":
                    continue
                # NotAction allows everything except some actions; only the simulation knows which.
                allowed = statement.get("Action") or "*"
                actions += allowed if isinstance(allowed, list) else [allowed]
        return actions


@dataclass(frozen=True)
class RegionReading:
    """Everything that was read of an account and region."""

    region: RegionFacts
    wanted: Sequence[ExpectedFunction]
    """Each policy in the form that is deployed, as far as that is known."""
    functions: Mapping[str, FunctionFacts]
    """The deployed functions, by name."""
    roles: Mapping[str, RoleFacts]
    """By ARN."""


@dataclass(frozen=True)
class NameListing:
    """The names of what exists, so that details are read only for what is deployed."""

    functions: Read[Mapping[str, Mapping[str, Any]]]
    rules: Read[Mapping[str, Mapping[str, Any]]]
    config_rules: Read[Mapping[str, Mapping[str, Any]]]

    def mentions(self, function: str) -> bool:
        """Whether the function exists, or an event rule or Config rule of its name."""
        return any(
            not isinstance(names, Unread) and (function in names or f"{HUB_BUS}/{function}" in names)
            for names in (self.functions, self.rules, self.config_rules))


def read_listing(reader: AccountReader, prefixes: Iterable[str]) -> NameListing:
    """The functions whose names have one of the prefixes, and all rules."""
    return NameListing(reader.functions(sorted({FUNCTION_PREFIX, *prefixes})), reader.rules(), reader.config_rules())


def read_region(
    reader: AccountReader, listing: NameListing, forms: Sequence[Sequence[ExpectedFunction]],
    known: frozenset[str] | None,
) -> RegionReading:
    """Read everything about an account and region.

    Args:
        forms: each policy, in the forms in which it may be deployed.
        known: the functions that some policy deploys; None when strays are not searched for.
    """
    functions, rules = listing.functions, listing.rules
    wanted = [deployed_form(each, {} if isinstance(functions, Unread) else functions) for each in forms]
    there = [each for each in wanted if not isinstance(functions, Unread) and each.function in functions]
    modes = {each.mode for each in there}
    strays = [] if known is None or isinstance(functions, Unread) else sorted(functions.keys() - known)
    not_needed: Unread = Unread("no function needs it")
    with ThreadPoolExecutor(HEALTH_READS) as pool:
        arns = sorted({arn for each in there for arn in each.topics})
        region = RegionFacts(
            functions, rules,
            config_rules=listing.config_rules,
            recorders=reader.recorders() if any(each.config_type for each in there) else not_needed,
            trails=reader.trails() if "cloudtrail" in modes else not_needed,
            topics=dict(zip(arns, pool.map(reader.topic, arns), strict=True)),
            redelivery=reader.redelivery() if any(each.redelivers for each in there) else None,
            strays=dict(zip(strays, pool.map(reader.is_ours, strays), strict=True)),
        )
        activity = reader.activity([each.function for each in there])
        facts = dict(zip(
            (each.function for each in there),
            pool.map(lambda each: reader.function(each, rules, activity[each.function]), there), strict=True))
        needed: dict[str, set[str]] = {}
        for each in there:
            if arn := role_of(facts[each.function]):
                needed.setdefault(arn, set()).update(each.permissions)
        roles = dict(zip(needed, pool.map(lambda arn: reader.role(arn, needed[arn]), needed), strict=True))
    return RegionReading(region, wanted, facts, roles)


def deployed_form(forms: Sequence[ExpectedFunction], functions: Mapping[str, Mapping[str, Any]]) -> ExpectedFunction:
    """The form that is deployed, found by the archive's checksum in `functions`, as ListFunctions returns them."""
    first = forms[0]
    if first.function not in functions or len(forms) == 1:
        return first
    sha256 = functions[first.function].get("CodeSha256")
    # Neither form: it is outdated, and the operator must know whether its fixes should run.
    return next((form for form in forms if form.sha256 == sha256), replace(first, option=" [--heal]"))


def role_of(facts: FunctionFacts) -> str:
    """The ARN of the role that the deployed function has; empty when unknown."""
    if facts.function is None or isinstance(facts.function, Unread):
        return ""
    return str(facts.function["Configuration"].get("Role") or "")


def statements_of(text: str) -> list[Mapping[str, Any]]:
    """The statements of a function's resource policy, from the JSON that GetPolicy returns."""
    found = json.loads(text).get("Statement") or []
    return found if isinstance(found, list) else [found]


def archive_of(found: Mapping[str, Any]) -> Read[Mapping[str, Any]]:
    """The function's archive, downloaded from the URL that Lambda returns."""
    location = str((found.get("Code") or {}).get("Location") or "")
    if not location.startswith(("https://", "http://")):
        return Unread("Lambda returned no URL for it")
    try:
        with urllib.request.urlopen(location, timeout=_DOWNLOAD_SECONDS) as answer:  # noqa: S310 - checked above
            content = answer.read(_LARGEST_ARCHIVE)
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            return {
                "config": json.loads(file.read("config.json")),
                "files": {entry.filename: entry.CRC for entry in file.infolist()},
            }
    except (OSError, zipfile.BadZipFile, KeyError, ValueError) as error:
        # The URL contains a signature, which must not be shown.
        return Unread(f"its download failed with {type(error).__name__}")


def now() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)
