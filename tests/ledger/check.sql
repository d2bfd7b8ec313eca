-- check: compares three independent records: what producers were told, what the provider's double
-- saw, what the database says. Needs the variable dir with intents.*, sink.tsv, chaos.log and the
-- files of export.sql. Leaves the counts in table verdict and prints what explains them.
\set ON_ERROR_STOP on
\pset footer off
set client_min_messages = warning;

drop table if exists intent, sink, chaos, notification, delivery, attempt, message, verdict cascade;
create unlogged table intent (
    event "char", nid bigint, ns bigint, channel text, category text, address text, hash text,
    code text);
create unlogged table sink (
    seq bigint, ns bigint, conn bigint, stream bigint, provider text, nid bigint, number bigint,
    key text, address text, hash text, decision text, fault text, phase text);
create unlogged table chaos (kill integer, kind text, start_ns bigint, end_ns bigint, detail text);
create unlogged table notification (id uuid, key text);
create unlogged table delivery (
    id uuid, notification uuid, state text, attempts integer, provider_id text);
create unlogged table attempt (id uuid, attempt integer, class text, applied boolean);

\set file 'cat ' :dir '/intents.*'
copy intent from program :'file';
\set file :dir '/sink.tsv'
copy sink from :'file';
\set file :dir '/chaos.log'
copy chaos from :'file';
\set file :dir '/notification.tsv'
copy notification from :'file';
\set file :dir '/delivery.tsv'
copy delivery from :'file';
\set file :dir '/attempt.tsv'
copy attempt from :'file';
create index on sink (ns) where decision = 'accept';
analyze;

-- One row a message, whoever knows of it.
create unlogged table message as
with i as (
    select nid, case when bool_or(event = 'A') then 'A' when bool_or(event in ('U', 'I')) and not
                          bool_or(event in ('R', 'E')) then 'U' when bool_or(event = 'U') then 'U'
                     when bool_or(event = 'R') then 'R' else 'E' end as outcome,
           max(hash) as hash, max(address) as address, bool_or(category = 'once') as is_once
      from intent where event not in ('X', 'W') group by nid),
s as (
    select nid, count(*) as requests, count(*) filter (where decision = 'accept') as accepted,
           count(*) filter (where decision = 'accept' and fault in ('plan-lost', 'plan-reset')) as planned,
           count(distinct hash) as hashes, max(hash) as hash, count(distinct address) as addresses,
           max(address) as address, count(distinct key) as keys, max(key) as key
      from sink where nid is not null group by nid),
a as (
    select id, count(*) as tries,
           count(*) filter (where class in ('unknown', 'lease_lost')) as unclear,
           count(*) filter (where class = 'lease_lost') as lease_lost,
           count(*) filter (where class = 'accepted') as said_accepted,
           max(attempt) filter (where class = 'accepted' and applied) as applied_attempt
      from attempt group by id),
o as (
    select substr(n.key, 2)::bigint as nid, count(distinct n.id) as notifications,
           count(d.id) as deliveries, max(d.id::text) as id, max(d.state) as state,
           max(d.attempts) as attempts, coalesce(sum(a.tries), 0) as tries,
           coalesce(sum(a.unclear), 0) as unclear, coalesce(sum(a.lease_lost), 0) as lease_lost,
           coalesce(sum(a.said_accepted), 0) as said_accepted,
           max(a.applied_attempt) as applied_attempt
      from notification n
      left join delivery d on d.notification = n.id
      left join a on a.id = d.id
     group by 1)
select coalesce(i.nid, s.nid, o.nid) as nid, i.outcome, i.hash as intended_hash,
       i.address as intended_address, coalesce(i.is_once, false) as is_once,
       coalesce(s.requests, 0) as requests, coalesce(s.accepted, 0) as accepted,
       coalesce(s.planned, 0) as planned, s.hashes, s.hash, s.addresses, s.address, s.keys, s.key,
       o.id, o.state, o.attempts, coalesce(o.notifications, 0) as notifications,
       coalesce(o.deliveries, 0) as deliveries, coalesce(o.tries, 0) as tries,
       coalesce(o.unclear, 0) as unclear, coalesce(o.lease_lost, 0) as lease_lost,
       coalesce(o.said_accepted, 0) as said_accepted, o.applied_attempt
  from i
  full join s on s.nid = i.nid
  full join o on o.nid = coalesce(i.nid, s.nid);

create table verdict (name text primary key, value numeric not null);
insert into verdict
select v.name, v.value
  from (select
    count(*) filter (where outcome = 'A') as acked,
    count(*) filter (where outcome = 'A' and (notifications = 0 or deliveries = 0)) as vanished,
    count(*) filter (where state = 'sent' and accepted = 0) as said_sent,
    count(*) filter (where state in ('failed', 'dead', 'expired', 'suppressed', 'cancelled')
                       and accepted = 0) as given_up,
    count(*) filter (where (requests > 0 or notifications > 0)
                       and (outcome is null or outcome in ('R', 'E'))) as phantom,
    count(*) filter (where state in ('scheduled', 'held', 'queued', 'claimed', 'retry')) as stuck,
    count(*) filter (where intended_hash is not null and requests > 0
                       and (hashes > 1 or hash is distinct from intended_hash)) as content,
    count(*) filter (where intended_address is not null and requests > 0
                       and (addresses > 1 or address is distinct from intended_address)) as crossed,
    count(*) filter (where key is not null and id is not null and (keys > 1 or key <> id)) as mixed,
    count(*) filter (where (state in ('failed', 'dead', 'expired', 'suppressed', 'cancelled')
                            and accepted > 0 and unclear = 0)
                        or (state = 'unknown' and not is_once)
                        or (said_accepted > accepted and accepted > 0)) as wrong_state,
    count(*) filter (where state = 'sent' and accepted > 0
                       and applied_attempt is distinct from attempts) as stale_applied,
    sum(greatest(accepted - 1, 0)) as duplicates,
    sum(least(greatest(accepted - 1, 0), unclear)) filter (where not is_once) as explained,
    sum(least(greatest(accepted - 1, 0), planned)) as planned,
    coalesce(sum(greatest(accepted - 1 - unclear, 0)) filter (where not is_once), 0)
        + coalesce(sum(greatest(accepted - 1, 0)) filter (where is_once), 0) as unexplained,
    count(*) filter (where requests > tries and notifications > 0) as without_claim,
    coalesce(sum(notifications - 1) filter (where notifications > 1), 0)
        + coalesce(sum(deliveries - 1) filter (where deliveries > 1), 0) as doubled,
    count(*) filter (where outcome = 'U') as in_doubt,
    count(*) filter (where outcome = 'U' and notifications > 0) as in_doubt_stored,
    count(*) filter (where state = 'unknown') as once_unknown,
    sum(lease_lost) as lease_lost
  from message) as m
 cross join lateral (values
    ('acked', acked), ('vanished', vanished), ('said_sent', said_sent), ('given_up', given_up),
    ('phantom', phantom), ('stuck', stuck), ('content', content), ('crossed', crossed),
    ('mixed', mixed), ('wrong_state', wrong_state), ('stale_applied', stale_applied),
    ('duplicates', duplicates), ('explained', coalesce(explained, 0)), ('planned', planned),
    ('unexplained', unexplained), ('without_claim', without_claim), ('doubled', doubled),
    ('in_doubt', in_doubt), ('in_doubt_stored', in_doubt_stored), ('once_unknown', once_unknown),
    ('lease_lost', lease_lost)) as v (name, value)
 union all
select 'strangers', count(*) from sink where nid is null and decision = 'accept'
 union all
select 'keys_refused', count(*) from intent where event = 'X'
 union all
select 'keys_taken', count(*) from intent where event = 'W'
 union all
select 'stale_refused', count(*) from attempt where not applied
 union all
select 'kills', count(*) from chaos;

-- From the end of a fault to the next accepted request, and the longest silence around it.
create or replace view recovery as
select c.*,
       (select (s.ns - c.end_ns) / 1e9 from sink s where s.ns > c.end_ns and s.decision = 'accept'
         order by s.ns limit 1) as seconds,
       (select max(g.to_ns - g.from_ns) / 1e9
          from (select lag(s.ns) over (order by s.ns) as from_ns, s.ns as to_ns
                  from sink s
                 where s.decision = 'accept' and s.ns > c.start_ns - 5000000000
                   and s.ns < c.end_ns + 60000000000) as g
         where g.to_ns > c.start_ns and g.from_ns < c.end_ns + 5000000000) as silence
  from chaos c;

-- Repeats of what a lost lease left unclear, by the fault that came next after the first accept.
create or replace view repeated as
select c.kill, count(*) as repeats
  from message m
 cross join lateral (
       select s.ns from sink s where s.nid = m.nid and s.decision = 'accept'
          and (s.fault is null or s.fault not in ('plan-lost', 'plan-reset'))
        order by s.ns limit least(m.accepted - 1, m.lease_lost)) as s
 cross join lateral (
       select c.kill from chaos c where c.start_ns >= s.ns - 1500000000 order by c.start_ns limit 1) as c
 where m.accepted > 1 and m.lease_lost > 0
 group by c.kill;
