-- Open findings of the last run, by severity and by how long they have been open.
select
  severity,
  count(*) as open_findings,
  count(*) filter (where days_open <= 7) as up_to_7_days,
  count(*) filter (where days_open between 8 and 30) as up_to_30_days,
  count(*) filter (where days_open between 31 and 90) as up_to_90_days,
  count(*) filter (where days_open > 90) as longer,
  count(*) filter (where days_open is null) as age_not_known,
  max(days_open) as oldest_in_days
from findings
where status = 'open' and run = (select run from runs order by started desc, run limit 1)
group by severity
order by case severity
  when 'critical' then 1 when 'high' then 2 when 'medium' then 3 when 'low' then 4 when 'info' then 5 else 6 end
