-- tick_expire: ends waiting deliveries that have expired or are too old, for times in which nobody
-- claims them (a claim looks itself), at most 1000 of a kind and leaf. Every send would pay for an index
-- on expires_at, so leaves are read: those of a few pages at each call, the others in turn, each of the
-- 13 every 130 s. Age is looked up in turn, too.
-- Returns: false (nothing is left for a call right away) · Writes: outbox, retry, delivery
-- Called by: tick
create function herald.tick_expire() returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
    v_limit constant integer := 1000;
    v_small constant bigint := 1048576;
    v_now constant timestamptz := clock_timestamp();
    v_youngest constant timestamptz :=
        v_now - least((select min(c.max_age) from herald.category c), '24 hours');
    v_turn constant numeric := extract(epoch from v_now)::bigint % 130 / 10.0;
begin
    if not pg_try_advisory_xact_lock(1214606916, -2) then
        return false;
    end if;

    -- By place: a join might read all of retry for every row, if it was empty when first planned.
    with taken as (
        delete from herald.retry r
         where r.ctid = any (array(
               select w.ctid from herald.retry w
                where w.expires_at <= v_now
                order by w.expires_at
                limit v_limit
                  for update skip locked))
        returning r.*)
    insert into herald.delivery (id, bucket, notification, recipient, channel, priority, device,
                                 category, template, state, reason, attempts, created_at,
                                 finished_at)
    select t.id, t.bucket, t.notification, t.recipient, t.channel, t.priority, t.device, t.category,
           t.template, 'expired', 'expires_at', t.attempt, t.created_at, v_now
      from taken t
        on conflict do nothing;

    for leaf in 0..12 loop
        if leaf = v_turn
           or pg_relation_size(format('herald.outbox_%s', leaf)::regclass) between 1 and v_small then
            perform herald.expire_leaf(leaf, v_now, v_limit, case when leaf = v_turn then v_youngest end);
        end if;
    end loop;
    return false;
end
$$;
comment on function herald.tick_expire() is 'Ends waiting deliveries that have expired or are too old';
