-- report: what explains the verdict of check.sql, for people.
\set ON_ERROR_STOP on
\pset footer off
\echo
\echo 'Final states'
select state, count(*) from delivery group by state order by state;
\echo 'Requests at the double'
select decision, coalesce(fault, '') as fault, count(*) from sink group by 1, 2 order by 3 desc;
\echo 'Attempts'
select class, applied, count(*) from attempt group by 1, 2 order by 3 desc;
create index if not exists sink_nid on sink (nid);
\echo 'Faults: recovery is from the end of the fault to the next accepted request, in seconds'
select r.kind, count(*) as faults, round(percentile_disc(0.5) within group (order by seconds)::numeric, 3) as p50,
       round(percentile_disc(0.99) within group (order by seconds)::numeric, 3) as p99,
       round(max(seconds)::numeric, 3) as max, round(max(silence)::numeric, 3) as longest_silence,
       coalesce(sum(d.repeats), 0) as repeats, coalesce(max(d.repeats), 0) as most
  from recovery r left join repeated d using (kill) group by r.kind order by r.kind;
\echo 'Repeats per fault'
select case when n = 0 then '0' when n = 1 then '1' when n <= 5 then '2-5' when n <= 20 then '6-20'
            when n <= 100 then '21-100' else 'more' end as repeats, count(*) as faults
  from (select coalesce(d.repeats, 0) as n from chaos c left join repeated d using (kill)) as x
 group by 1 order by min(n);
\echo 'Counts'
select name, value from verdict order by name;
