-- Exceptions of the last run, the first to end first, with the findings that are open again then.
select
  exception_expires as expires,
  date_diff('day', cast(started as date), exception_expires) as days_left,
  policy, account, account_name, exception_owner as owner, exception_ticket as ticket, exception_reason as reason,
  count(*) as findings
from findings
where status = 'excepted' and run = (select run from runs order by started desc, run limit 1)
group by all
order by expires nulls last, policy, account
