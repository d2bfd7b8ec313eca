-- fairness: what claims take from senders and priorities that wait. Claims are counted, not seconds.
begin;
select * from no_plan();

select herald.notify_template('t') \g /dev/null
select herald.notify_template_part('t', 'sms', 'text', 'x') \g /dev/null
select herald.notify_template_publish('t') \g /dev/null
select count(herald.notify_recipient('r' || i, phone => '+1500555' || 1000 + i)) from generate_series(1, 1000) i \g /dev/null
create role fair_shop;
create role fair_bank;
create role fair_club;
grant herald_sender to fair_shop, fair_bank, fair_club;
select is(array_agg(herald.lane(s) order by s), '{3,10,5}', 'these senders have lanes of their own')
  from unnest('{fair_bank,fair_club,fair_shop}'::text[]) s;

-- send(sender, priority, count): sends it as this login, to the recipients in turn.
create function pg_temp.send(sender text, priority text, count integer) returns void language plpgsql as $$
begin
    execute format('set session authorization %I', sender);
    for done in 0..count - 1 by 1000 loop
        perform from herald.notify_send_many('t', array(select 'r' || i from generate_series(1, least(1000, count - done)) i),
                                             priority => send.priority);
    end loop;
    reset session authorization;
end
$$;
grant execute on function pg_temp.send(text, text, integer) to public;

-- claim(wanted): what a claim has of each sender and priority, in order.
select herald.dispatcher_start('d', '1.0') as epoch \gset
create temp table claims (call integer, n bigint, sender text, priority text, id uuid);
create function pg_temp.claim(epoch bigint, wanted integer) returns bigint language sql as $$
    with had as (
        insert into claims
        select (select count(distinct c.call) from claims c), c.ordinality, n.sender, c.priority, c.id
          from herald.claim(epoch, 'sms', wanted) with ordinality c
          join herald.notification n on n.id = c.notification
        returning 1)
    select count(*) from had $$;

-- a login code beside a broadcast
select pg_temp.send('fair_shop', 'normal', 200000) \g /dev/null
select is(pg_temp.claim(:epoch, 500), 500::bigint, 'one sender alone gets all');
select pg_temp.send('fair_bank', 'normal', 1) \g /dev/null
select is(pg_temp.claim(:epoch, 500), 500::bigint, 'beside another one it gets the rest');
select is(n, 2::bigint, 'what another sender sends is in the next claim, in front') from claims where call = 1 and sender = 'fair_bank';
select pg_temp.send('fair_bank', 'urgent', 1) \g /dev/null
select is(pg_temp.claim(:epoch, 1), 1::bigint, 'room for one');
select is(sender, 'fair_bank', 'is for what is urgent') from claims where call = 2;
truncate claims;
select pg_temp.send('fair_bank', 'normal', 1) \g /dev/null
select sum(pg_temp.claim(:epoch, 1)) from generate_series(1, 2) \g /dev/null
select is(count(*) filter (where sender = 'fair_bank'), 1::bigint, 'without priority a single one waits for one claim of one row at most') from claims;
truncate claims;

-- three broadcasts
select pg_temp.send(s, 'normal', 2000) from unnest('{fair_bank,fair_club}'::text[]) s \g /dev/null
select sum(pg_temp.claim(:epoch, wanted)) from unnest(array[100, 1, 7, 500, 1, 1, 250, 40]) wanted \g /dev/null
select ok(count(*) between 270 and 330, format('%s has a third of 900: %s', sender, count(*))) from claims group by sender;
select is(array_agg(distinct c.sender), '{fair_bank,fair_club,fair_shop}', 'and they take turns in a claim') from claims c where c.call = 0 and c.n <= 3;
select sum(pg_temp.claim(:epoch, 1 + i % 2)) from generate_series(1, 60) i \g /dev/null
select ok(count(*) between 29 and 31, format('%s has a third of 90 in small claims: %s', sender, count(*))) from claims where call > 7 group by sender;
select sum(pg_temp.claim(:epoch, 500)) from generate_series(1, 12) \g /dev/null
select is(count(*), 2000::bigint, sender || ' has got all in the end') from claims where sender <> 'fair_shop' group by sender;
truncate claims;

-- rows of an old leaf and rows of the current one
create temp table moved as select * from herald.outbox where epoch is null limit 3000;
delete from herald.outbox where epoch is null;
select lives_ok(format('insert into herald.outbox_%s select * from moved', (herald.outbox_leaf() + 6) % 12), 'what the shop sent waits in an old leaf');
select pg_sleep(1.1) \g /dev/null
select pg_temp.send('fair_club', 'normal', 300) \g /dev/null
select pg_temp.claim(:epoch, 400) \g /dev/null
select is(count(*), 200::bigint, sender || ' has half, whatever the age') from claims group by sender;
truncate claims;

-- priorities
select pg_temp.send('fair_shop', p, 1000) from unnest('{urgent,high,bulk}'::text[]) p \g /dev/null
select is(pg_temp.claim(:epoch, 150), 150::bigint, 'all priorities wait');
select is(array_agg(p || ' ' || n order by p), '{urgent 80,high 40,normal 20,bulk 10}', 'and have shares')
  from (select priority::herald.priority as p, count(*) as n from claims group by 1) x;
select is(array_agg(priority order by n) = array_agg(priority order by priority::herald.priority, n), true, 'the most urgent come first') from claims;
delete from herald.outbox where epoch is null and priority <> 'bulk';
truncate claims;
select pg_temp.claim(:epoch, 50) \g /dev/null
select is(count(*) filter (where priority = 'bulk'), 50::bigint, 'bulk alone gets all') from claims;
truncate claims;
create procedure pg_temp.overload(epoch bigint) language plpgsql as $$
begin
    for i in 1..30 loop
        perform pg_temp.send('fair_bank', 'urgent', 20);
        perform pg_temp.claim(epoch, 1 + i % 5 * 4);
    end loop;
end
$$;
call pg_temp.overload(:epoch);
select is(array_agg(n order by p), '{240,30}', 'while urgent ones never end, bulk has a ninth, in claims of any size')
  from (select priority::herald.priority as p, count(*) as n from claims group by 1) x;

select * from finish();
rollback;
