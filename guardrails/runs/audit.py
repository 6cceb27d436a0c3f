"""An audit as it is begun, interrupted, gone on with and finished: the question, the run's file, and the sweep."""
from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

from ..accounts import Accounts, find_accounts
from ..assessment import Assessment, UnselectedPolicy
from ..errors import GuardrailsError, NothingSelected
from ..policies import Policy, Selection, audit_scope, load
from ..results import FILE, AccountInfo, CheckRow, Exceptions, PolicyInfo, RunStore
from ..results import load as load_exceptions
from ..yamlfile import dump
from .accounting import Check
from .c7n_org import AUDIT
from .progress import ShowProgress, without_progress
from .sweeps import Plan, execute


@dataclass(frozen=True)
class Question:
    """What an audit is asked; it stands in the run's file, so that a resumed run is asked the same."""

    config: str
    regions: Sequence[str]
    names: Sequence[str]
    services: Sequence[str]
    severities: Sequence[str]
    frameworks: Sequence[str]
    directory: str
    controls: Sequence[str]
    exceptions: str
    """The file; empty for the project's own, when there is one."""
    history: str
    """The file; empty for none."""

    @classmethod
    def of(
        cls, *, config: Path | None, regions: Sequence[str], names: Sequence[str], services: Sequence[str],
        severities: Sequence[str], frameworks: Sequence[str], directory: Path, controls: Sequence[Path],
        exceptions: Path | None, history: Path | None,
    ) -> Question:
        """From the options of the command line; paths become absolute, for a resume may come from elsewhere."""
        return cls(
            config=_absolute(config), regions=tuple(regions), names=tuple(names), services=tuple(services),
            severities=tuple(severities), frameworks=tuple(frameworks), directory=_absolute(directory),
            controls=tuple(_absolute(path) for path in controls), exceptions=_absolute(exceptions),
            history=_absolute(history),
        )

    @cached_property
    def every(self) -> Sequence[Policy]:
        """Every policy of the directory; read once."""
        return load(Path(self.directory))

    def policies(self) -> list[Policy]:
        """The policies that are meant, those that judge events too. Raises GuardrailsError for an unknown name."""
        from ..policies import load_catalogues, policies_for

        found = Selection(self.names, self.services, self.severities).choose(self.every)
        if self.frameworks:
            catalogues = load_catalogues([Path(path) for path in self.controls])
            wanted = policies_for(self.frameworks, catalogues, self.every)
            found = [policy for policy in found if policy.name in wanted]
        return found


@dataclass
class Run:
    """One audit: what is asked, and the file into which the answers go."""

    directory: Path
    store: RunStore
    question: Question
    plan: Plan
    exceptions: Exceptions

    @property
    def asked(self) -> int:
        """How many checks there are in all."""
        return sum(len(policies) for policies in self.plan.work().values()) + len(self.plan.shut_out())

    def sweep(self, progress: ShowProgress = without_progress) -> None:
        """Run what the file has no whole answer to. Raises KeyboardInterrupt with everything written that had ended."""
        from .credential_report import warm_up

        done = {key for key, state in self.store.states().items() if state in ("ran", "skipped")}
        work = {
            (account, region): left
            for (account, region), policies in self.plan.work().items()
            if (left := tuple(
                policy for policy in policies
                if (account.name, self.plan.reported(policy, region), policy.name) not in done))
        }
        self.take(self.plan.shut_out())
        warm_up(work)
        execute(work, AUDIT, self.directory / "c7n-org", self.plan.accounts, self.take,
                progress=progress)
        self.store["finished"] = _now()

    def take(self, checks: Sequence[Check]) -> None:
        """Write checks that have ended, with their findings."""
        self.store.add((self.row(check), self._findings(check)) for check in checks)

    def assess(self) -> Assessment:
        """The report of what the file holds now."""
        from ..assessment import assess

        return assess(
            self.store, controls=[Path(path) for path in self.question.controls], exceptions=self.exceptions,
            history=Path(self.question.history) if self.question.history else None)

    def row(self, check: Check) -> CheckRow:
        """The check as the run's file has it."""
        return CheckRow(
            check.account.id, check.account.name, self.plan.region(check), check.policy.name, check.state.value,
            check.reason, len(check.resources))

    def _findings(self, check: Check) -> list[Any]:
        return [self.exceptions.apply(finding) for finding in self.plan.findings_of(check)]


def started(question: Question, directory: Callable[[], Path]) -> Run:
    """A new audit in a new directory, which is made when all that was asked has turned out to make sense."""
    policies = question.policies()
    accounts = find_accounts(Path(question.config) if question.config else None, question.regions)
    exceptions = load_exceptions(Path(question.exceptions) if question.exceptions else None)
    plan = plan_of(policies, accounts)
    place = directory()
    store = RunStore.create(place / FILE)
    describe(store, "audit", policies, accounts, question.every)
    store["question"] = asdict(question)
    store["fingerprint"] = fingerprint(policies)
    return Run(place, store, question, plan, exceptions)


def resumed(directory: Path) -> Run:
    """The audit in `directory`, to be gone on with.

    Raises GuardrailsError when there is none, or when its policies are not what they were: half a report on other
    rules would be no report. Accounts are asked anew whether they can be reached.
    """
    store = RunStore.open(directory)
    asked = store.get("question")
    if asked is None:
        raise GuardrailsError(f"{directory}: not an audit that can be resumed", "begin a new one")
    question = Question(**asked)
    policies = question.policies()
    if fingerprint(policies) != store["fingerprint"]:
        raise GuardrailsError(
            f"{directory}: the policies have changed since this audit began", "begin a new one: ./run.sh audit")
    before = {account.name: account for account in store.accounts()}
    accounts = find_accounts(Path(question.config) if question.config else None, question.regions)
    if {account.name for account in accounts.all} != set(before):
        raise GuardrailsError(
            f"{directory}: the accounts have changed since this audit began", "begin a new one: ./run.sh audit")
    store.set_accounts(_infos(accounts))
    exceptions = load_exceptions(Path(question.exceptions) if question.exceptions else None)
    return Run(directory, store, question, plan_of(policies, accounts), exceptions)


def plan_of(policies: Sequence[Policy], accounts: Accounts) -> Plan:
    """The sweep of those of the policies that can be swept. Raises NothingSelected when there is none."""
    chosen = [policy for policy in policies if policy.sweeps]
    if not chosen:
        raise NothingSelected(
            f"nothing to sweep: the {len(policies)} chosen policies judge events" if policies
            else "no policy meets all of the given criteria")
    return Plan(chosen, accounts)


def describe(
    store: RunStore, verb: str, policies: Sequence[Policy], accounts: Accounts, every: Sequence[Policy]
) -> None:
    """Write what a run is about: its id and time, its policies and its accounts.

    `every`: all policies that there are, the chosen ones too: what a framework asks for may be covered by others.
    """
    from importlib.metadata import version

    store["run"] = uuid4().hex
    store["verb"] = verb
    store["version"] = version("aws-guardrails")
    store["started"] = _now()
    store["scope"] = _digest([
        sorted((account.id, *account.regions) for account in accounts.all), sorted(policy.name for policy in policies)])
    store.set_policies(policy_info(policy) for policy in policies)
    chosen = {policy.name for policy in policies}
    store["not_chosen"] = {
        policy.name: asdict(UnselectedPolicy(policy.controls, policy.sweeps))
        for policy in every if policy.name not in chosen}
    store.set_accounts(_infos(accounts))


def policy_info(policy: Policy) -> PolicyInfo:
    """What a report says of the policy."""
    metadata = policy.metadata
    data = dict(policy.data)
    if "parameters" in metadata:
        from ..policies import used_parameters

        # The file's whole block stands in each of its policies; a reader wants what this one uses.
        used = used_parameters(policy.data)
        kept = {name: value for name, value in metadata["parameters"].items() if name in used}
        data["metadata"] = {**metadata, "parameters": kept}
    return PolicyInfo(
        name=policy.name, title=policy.title, severity=policy.severity,
        exposure=str(metadata.get("exposure") or "internal"), resource=policy.resource, kind=policy.kind.value,
        response=policy.response, profile=str(metadata.get("profile") or ""), controls=policy.controls,
        rationale=" ".join(str(metadata.get("rationale") or "").split()),
        fix=" ".join(str(metadata.get("fix") or "").split()), yaml=dump(data), location=_location(policy),
        audited=policy.sweeps,
    )


def fingerprint(policies: Sequence[Policy]) -> str:
    """The same for the same policies, however their files are laid out."""
    return _digest([[policy.data, audit_scope(policy).value] for policy in sorted(policies, key=lambda p: p.name)])


def _location(policy: Policy) -> str:
    """`policies/config-rule/s3.yml:66`, from where the user is."""
    file, _, line = policy.where.rpartition(":")
    return f"{os.path.relpath(file)}:{line}"


def _infos(accounts: Accounts) -> list[AccountInfo]:
    return [AccountInfo(account.id, account.name, account.regions) for account in accounts.reached] + [
        AccountInfo(account.id, account.name, account.regions, reason) for account, reason in accounts.unreachable]


def _digest(value: Any) -> str:
    return sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _absolute(path: Path | None) -> str:
    return str(path.resolve()) if path else ""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
