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
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from botocore.config import Config
from botocore.exceptions import ClientError

from custom_actions.names import EVENTS_QUEUE, HUB_BUS, REDELIVERY_ROLE, is_group_name

from ..accounts import AWS_ERRORS, Account, reason_of
from ..deployment import Service, deployed_groups, is_addressed, is_hub, is_ours, served
from ..limits import HEALTH_READS
from ..policies import is_scheduled
from .expectations import ExpectedFunction
from .facts import Found, FunctionActivity, FunctionFacts, FunctionLog, Read, RoleFacts, TrailFacts, Unread

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

    def services(
        self, functions: Read[Mapping[str, Any]], config_rules: Read[Mapping[str, Mapping[str, Any]]] | None = None,
    ) -> Read[Mapping[str, Service]]:
        """The triggers that invoke functions of many policies, by name."""
        if isinstance(functions, Unread) or not any(map(is_group_name, functions)):
            return {}
        arns = {name: str(each["FunctionArn"]) for name, each in functions.items()}
        known = None if isinstance(config_rules, Unread | None) else config_rules
        return attempt_or(
            lambda: served(self._clients, deployed_groups(self.client("lambda"), arns), known), {})

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

    def group(self, name: str, activity: Read[FunctionActivity]) -> FunctionFacts:
        """Everything about a function of many policies, except for what starts it."""
        client = self.client("lambda")
        found = attempt(lambda: client.get_function(FunctionName=name))
        if found is None or isinstance(found, Unread):
            return FunctionFacts(found)
        return FunctionFacts(
            found, statements=self._statements(name), archive=archive_of(found),
            dead_letters=self.waiting(found["Configuration"]), activity=activity, log=self._log(name),
            age=self._age(found["Configuration"].get("LastModified")))

    def in_group(
        self, wanted: ExpectedFunction, rules: Read[Mapping[str, Any]], group: FunctionFacts
    ) -> FunctionFacts:
        """What is known of a policy that a group's function runs: the function, its own trigger, its lines of the log.
        """
        name, log = wanted.policy.name, group.log
        if isinstance(log, FunctionLog):
            ran = log.any and is_scheduled(wanted.policy) and self._has_line(wanted.group, f"policy:{name} ")
            log = FunctionLog(ran is True, [line for line in log.errors if f"policy {name} failed: " in line])
            if isinstance(ran, Unread):
                log = ran
        return replace(
            group, targets=self._targets(wanted, rules), log=log,
            schedule=self._schedule(wanted) if wanted.mode == "schedule" else None)

    def _has_line(self, function: str, text: str) -> Read[bool]:
        since = int((self._now - LOOKED_BACK).timestamp() * 1000)
        return attempt_or(lambda: bool(self.pages(
            "logs", "filter_log_events", "events", logGroupName=f"/aws/lambda/{function}", startTime=since,
            filterPattern=f'"{text}"')), False)

    def _statements(self, name: str) -> Read[Sequence[Mapping[str, Any]]]:
        return attempt_or(lambda: statements_of(self.client("lambda").get_policy(FunctionName=name)["Policy"]), [])

    def _targets(self, wanted: ExpectedFunction, rules: Read[Mapping[str, Any]]) -> Read[Sequence[str]]:
        """The ARNs of the rule's targets; in a group, of those that give the policy's name to the function."""
        if isinstance(rules, Unread):
            return rules
        if wanted.rule not in rules:
            return ()
        bus = wanted.rule.rpartition("/")[0] or "default"
        return attempt_or(lambda: [
            each["Arn"] for each in self.pages(
                "events", "list_targets_by_rule", "Targets", Rule=wanted.function, EventBusName=bus)
            if not wanted.group or is_addressed(each, wanted.policy.name)
        ], [])

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
        return FunctionFacts(
            found,
            statements=self._statements(name),
            targets=self._targets(wanted, rules),
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
