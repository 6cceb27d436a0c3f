"""An audit: starting it, resuming it after an interrupt, and writing its results into the run's file."""
from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

from ..accounts import EVERY, AccountChoice, Accounts, find_accounts
from ..assessment import SHOWN_FRAMEWORKS, Assessment, UnselectedPolicy
from ..command import command
from ..errors import GuardrailsError, NothingSelected
from ..policies import Policy, PolicySources, Selection, audit_scope, partial_claims
from ..results import (
    FILE,
    AccountInfo,
    CheckRow,
    Exceptions,
    Finding,
    JudgedResources,
    PolicyInfo,
    RunStore,
    absolute_history,
    history_place,
)
from ..results import load as load_exceptions
from ..yamlfile import dump
from .accounting import Check
from .c7n_org import AUDIT, DEFAULT_CONCURRENCY, Concurrency, run
from .progress import ShowProgress, out_of, without_progress
from .sweeps import Runner, SweepPlan, execute


@dataclass(frozen=True)
class AuditRequest:
    """What an audit was started with. It is saved in the run's file, so that a resumed audit runs the same."""

    config: str
    regions: Sequence[str]
    names: Sequence[str]
    services: Sequence[str]
    severities: Sequence[str]
    frameworks: Sequence[str]
    sources: PolicySources
    controls: Sequence[str]
    exceptions: str
    """The file of exceptions; empty for the project's exceptions.yml, if it exists."""
    history: str
    """The history: a file, or `s3://BUCKET/KEY`; empty for none."""
    choice: AccountChoice = EVERY
    excluded: Sequence[str] = ()
    """Policies that are left out: names or globs."""
    resources: Sequence[str] = ()
    """The ids or ARNs, or globs, of the resources that `heal` fixes; empty for all."""
    shown: Sequence[str] = ()
    """The frameworks that the reports show; empty for all."""
    evidence: bool = False
    """Whether to keep the ids of the resources that pass."""

    @classmethod
    def of(
        cls, *, config: Path | None, regions: Sequence[str], names: Sequence[str], services: Sequence[str],
        severities: Sequence[str], frameworks: Sequence[str], policy_sources: PolicySources, controls: Sequence[Path],
        exceptions: Path | None, history: str | None, choice: AccountChoice = EVERY, excluded: Sequence[str] = (),
        resources: Sequence[str] = (), shown: Sequence[str] = (), evidence: bool = False,
    ) -> AuditRequest:
        """From the options of the command line. Paths become absolute: a resume may start in another directory."""
        return cls(
            config=_absolute(config), regions=tuple(regions), names=tuple(names), services=tuple(services),
            severities=tuple(severities), frameworks=tuple(frameworks), sources=policy_sources,
            controls=tuple(_absolute(path) for path in controls), exceptions=_absolute(exceptions),
            history=absolute_history(history) if history else "", choice=choice, excluded=tuple(excluded),
            resources=tuple(resources), shown=tuple(shown), evidence=evidence,
        )

    @classmethod
    def restore(cls, saved: Mapping[str, Any]) -> AuditRequest:
        """From what `asdict` made of it. Raises TypeError or KeyError for anything else."""
        return cls(**{
            **saved, "sources": PolicySources.from_dict(saved["sources"]), "choice": AccountChoice(**saved["choice"])})

    @cached_property
    def every(self) -> Sequence[Policy]:
        """Every policy of the sources; read from disk once."""
        return self.sources.load()

    def policies(self) -> list[Policy]:
        """The selected policies, including realtime ones.

        Raises GuardrailsError for an unknown name, and if the team's filters and actions cannot be loaded.
        """
        from ..policies import load_catalogues, policies_for, require_team_elements

        require_team_elements()
        found = Selection(self.names, self.services, self.severities, self.excluded).choose(self.every)
        if self.frameworks:
            catalogues = load_catalogues([Path(path) for path in self.controls])
            wanted = policies_for(self.frameworks, catalogues, self.every)
            found = [policy for policy in found if policy.name in wanted]
        return found

    def check_shown(self) -> None:
        """Raise GuardrailsError if a framework that the reports are to show does not exist."""
        from ..policies import load_catalogues, only

        if self.shown:
            only(self.shown, load_catalogues([Path(path) for path in self.controls]))

    def find_accounts(self) -> Accounts:
        """The accounts and regions to audit, and whether each can be reached. Raises GuardrailsError."""
        found = find_accounts(Path(self.config) if self.config else None, self.regions, self.choice)
        self.sources.check_accounts(found.listed)
        return found

    def selects(self, finding: Finding) -> bool:
        """Whether the request selects the finding's resource."""
        names = [name for name in (finding.arn, finding.resource) if name]
        return not self.resources or any(
            fnmatchcase(name, pattern) for pattern in self.resources for name in names)

    def check_history(self) -> None:
        """Open the history before the work begins, so that a damaged one is an error now. Raises GuardrailsError."""
        if self.history:
            history_place(self.history).check()

    def load_exceptions(self) -> Exceptions:
        """The exceptions to apply. Raises GuardrailsError for an invalid file."""
        return load_exceptions(Path(self.exceptions) if self.exceptions else None)


FindAccounts = Callable[[AuditRequest], Accounts]


@dataclass
class AuditRun:
    """One audit: what it runs, and the file that receives the results."""

    directory: Path
    store: RunStore
    request: AuditRequest
    plan: SweepPlan
    exceptions: Exceptions

    def close(self) -> None:
        """Close the file."""
        self.store.close()

    @property
    def total(self) -> int:
        """The number of checks: one for each (account, region, policy)."""
        return sum(len(policies) for policies in self.plan.work().values()) + len(self.plan.unreachable_checks())

    @property
    def done(self) -> int:
        """The number of checks, of `total`, that have a complete result: a resume does not run them again."""
        return len(self._done())

    def _done(self) -> set[tuple[str, str, str]]:
        return {key for key, state in self.store.states().items() if state in ("ran", "skipped")}

    def sweep(
        self, progress: ShowProgress = without_progress, concurrency: Concurrency = DEFAULT_CONCURRENCY, *,
        runner: Runner = run, valid: bool = False,
    ) -> None:
        """Run the checks of which the file has no complete result; the progress counts all checks of the audit.

        `runner` and `valid` are those of `execute`. On Ctrl-C every check that has ended is written before
        KeyboardInterrupt is raised.
        """
        from .credential_report import warm_up

        done = self._done()
        work = {
            (account, region): left
            for (account, region), policies in self.plan.work().items()
            if (left := tuple(
                policy for policy in policies
                if (account.name, self.plan.reported(policy, region), policy.name) not in done))
        }
        self.take(self.plan.unreachable_checks())
        warm_up(work)
        execute(work, AUDIT, self.directory / "c7n-org", self.plan.accounts, self.take,
                progress=out_of(self.total, progress), concurrency=concurrency, evidence=self.request.evidence,
                runner=runner, valid=valid)
        self.store["finished"] = now()

    def take(self, checks: Sequence[Check]) -> None:
        """Write ended checks and their findings into the file."""
        self.store.add((self.row(check), self._findings(check)) for check in checks)

    def assess(self) -> Assessment:
        """The assessment of the results that are in the file now."""
        from ..assessment import assess

        return assess(
            self.store, controls=[Path(path) for path in self.request.controls], exceptions=self.exceptions,
            history=self.request.history or None)

    def _findings(self, check: Check) -> list[Finding]:
        return [self.exceptions.apply(finding) for finding in self.plan.findings_of(check)]

    def row(self, check: Check) -> CheckRow:
        """The check as a row of the run's file."""
        return check_row(self.plan, check)


def check_row(plan: SweepPlan, check: Check) -> CheckRow:
    """A check as a row of a run's file."""
    judged = JudgedResources.of(check.counts, len(check.resources))
    return CheckRow(
        check.account.id, check.account.name, plan.region(check), check.policy.name, check.state.value, check.reason,
        len(check.resources), check.unknown, judged, check.passed if judged else None)


def start_audit(
    request: AuditRequest, directory: Callable[[], Path], find: FindAccounts = AuditRequest.find_accounts
) -> AuditRun:
    """Start a new audit.

    Args:
        directory: called for the new output directory, once the request has proved valid.
        find: finds the accounts of the request.

    Raises GuardrailsError for an invalid request, NothingSelected if no policy of it can be swept.
    """
    policies = request.policies()
    request.check_shown()
    exceptions = request.load_exceptions()
    request.check_history()
    accounts = find(request)
    plan = plan_of(policies, accounts)
    place = directory()
    store = RunStore.create(place / FILE)
    describe(store, "audit", policies, accounts, request.every)
    store[SHOWN_FRAMEWORKS] = request.shown
    store["question"] = asdict(request)
    store["fingerprint"] = fingerprint(policies)
    store["evidence"] = request.evidence
    return AuditRun(place, store, request, plan, exceptions)


def resume_audit(directory: Path, find: FindAccounts = AuditRequest.find_accounts) -> AuditRun:
    """The audit in `directory`, ready to run its remaining checks.

    `find` finds the accounts again, by default with a check of whether they can be reached.

    Raises GuardrailsError if there is no audit, or if the
    policies or accounts have changed since: the report would mix results of different rules.
    """
    store = RunStore.open(directory)
    saved = store.get("question")
    if saved is None:
        raise GuardrailsError(f"{directory}: not an audit that can be resumed", f"start a new one: {command('audit')}")
    try:
        request = AuditRequest.restore(saved)
    except (KeyError, TypeError) as error:
        raise GuardrailsError(
            f"{store.path}: the file is damaged: {error}", f"start a new one: {command('audit')}") from None
    policies = request.policies()
    if fingerprint(policies) != store["fingerprint"]:
        raise GuardrailsError(
            f"{directory}: the policies have changed since this audit began", f"start a new one: {command('audit')}")
    before = {account.name for account in store.accounts()}
    exceptions = request.load_exceptions()
    request.check_history()
    accounts = find(request)
    if {account.name for account in accounts.all} != before:
        raise GuardrailsError(
            f"{directory}: the accounts have changed since this audit began", f"start a new one: {command('audit')}")
    store.set_accounts(account_infos(accounts))
    return AuditRun(directory, store, request, plan_of(policies, accounts), exceptions)


def plan_of(policies: Sequence[Policy], accounts: Accounts) -> SweepPlan:
    """The sweep of those policies that can be swept. Raises NothingSelected if there are none."""
    chosen = [policy for policy in policies if policy.sweeps]
    if not chosen:
        raise NothingSelected(
            f"nothing to sweep: all {len(policies)} selected policies are realtime policies" if policies
            else "no policy matches all the given options")
    return SweepPlan(chosen, accounts)


def describe(
    store: RunStore, verb: str, policies: Sequence[Policy], accounts: Accounts, every: Sequence[Policy]
) -> None:
    """Write into the file what a run is about: its id and start, its policies and its accounts.

    Args:
        verb: the verb that runs.
        policies: the selected policies.
        every: every policy, selected or not: those that were not selected may cover a framework's requirement too.
    """
    from importlib.metadata import version

    store["run"] = uuid4().hex
    store["verb"] = verb
    store["version"] = version("aws-guardrails")
    store["c7n"] = version("c7n")
    store["caller"] = accounts.caller
    store["started"] = now()
    store["scope"] = scope_of(
        ((account.id, account.regions) for account in accounts.all), (policy.name for policy in policies))
    store.set_policies(policy_info(policy) for policy in policies)
    chosen = {policy.name for policy in policies}
    store["not_chosen"] = {
        policy.name: asdict(UnselectedPolicy(policy.controls, policy.sweeps, policy.partial, policy.parts))
        for policy in every if policy.name not in chosen}
    store["partial_in"] = {
        account.id: found for account in accounts.all if (found := partial_in(every, accounts.vars_of(account)))}
    store.set_accounts(account_infos(accounts))
    store.set_severities({
        account.id: {policy.name: severity for policy in policies
                     if (severity := policy.severity_in(account)) != policy.severity}
        for account in accounts.all})


def scope_of(regions: Iterable[tuple[str, Sequence[str]]], policies: Iterable[str]) -> str:
    """A digest of what a run is about: the regions of each account id, and the policies. Runs of one scope compare."""
    return _digest([sorted((account, *listed) for account, listed in regions), sorted(policies)])


def partial_in(policies: Iterable[Policy], variables: Mapping[str, Any]) -> dict[str, dict[str, dict[str, str]]]:
    """Policy to what it checks only in part with an account's `vars`, for the policies for which the `vars` matter."""
    found = {}
    for policy in policies:
        defaults = policy.metadata.get("parameters") or {}
        if used := {name: value for name, value in variables.items() if name in defaults}:
            partial = partial_claims(policy.claims, {**defaults, **used})
            if partial != policy.partial:
                found[policy.name] = partial
    return found


def policy_info(policy: Policy) -> PolicyInfo:
    """The policy as reports describe it."""
    metadata = policy.metadata
    data = dict(policy.data)
    if "parameters" in metadata:
        from ..policies import used_parameters

        # Each policy of a file has the file's whole block of parameters; a report shows only those that it uses.
        used = used_parameters(policy.data)
        kept = {name: value for name, value in metadata["parameters"].items() if name in used}
        data["metadata"] = {**metadata, "parameters": kept}
    return PolicyInfo(
        name=policy.name, title=policy.title, severity=policy.severity,
        exposure=str(metadata.get("exposure") or "internal"), resource=policy.resource, kind=policy.kind.value,
        response=policy.response, profile=str(metadata.get("profile") or ""), controls=policy.controls,
        partial=policy.partial, parts=policy.parts,
        rationale=" ".join(str(metadata.get("rationale") or "").split()),
        fix=" ".join(str(metadata.get("fix") or "").split()), yaml=dump(data), location=policy.location,
        audited=policy.sweeps,
    )


def fingerprint(policies: Sequence[Policy]) -> str:
    """A digest of the policies that does not depend on the layout of their files."""
    return _digest([[policy.data, audit_scope(policy).value] for policy in sorted(policies, key=lambda p: p.name)])


def account_infos(accounts: Accounts) -> list[AccountInfo]:
    """The accounts as a run's file holds them."""
    return [AccountInfo(account.id, account.name, account.regions) for account in accounts.reached] + [
        AccountInfo(account.id, account.name, account.regions, reason) for account, reason in accounts.unreachable]


def _digest(value: Any) -> str:
    return sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _absolute(path: Path | None) -> str:
    return os.path.abspath(path) if path else ""


def now() -> str:
    """The time as the file of a run has it: ISO 8601, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
