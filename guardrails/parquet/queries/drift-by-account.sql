-- For each account and run: open findings, those that are new since the run before, and checks without a result.
with ordered as (
  -- Runs of one scope follow each other: with other accounts or policies, a difference would not be drift.
  select run, started, lag(run) over (partition by coalesce(scope, run) order by started, run) as before from runs
), opened as (
  select run, account, id, row_number() over (partition by run, id order by region) as copy
  from findings where status = 'open'
), counted as (
  select o.run, o.account, count(*) as open_findings,
    case when r.before is null then null else count(*) filter (where b.id is null) end as new_since_run_before
  from opened o join ordered r on r.run = o.run
    left join opened b on b.run = r.before and b.id = o.id and b.copy = 1
  where o.copy = 1
  group by o.run, o.account, r.before
), asked as (
  select run, account, min(account_name) as account_name,
    count(*) filter (where state not in ('ran', 'skipped')) as checks_without_result
  from checks group by run, account
)
select r.started, a.account, a.account_name, coalesce(c.open_findings, 0) as open_findings,
  case when r.before is null then null else coalesce(c.new_since_run_before, 0) end as new_since_run_before,
  a.checks_without_result
from asked a join ordered r on r.run = a.run left join counted c on c.run = a.run and c.account = a.account
order by r.started desc, open_findings desc, a.account
