-- tick: all maintenance, one transaction a step. Must be called outside a transaction block, every
-- second by each dispatcher and every minute by pg_cron (schedule_tick); calls may overlap.
-- Writes: as its steps · Called by: dispatchers, pg_cron
create procedure herald.tick()
language plpgsql
as $$
declare
    v_step text;
begin
    -- Steps lock first and then look again, which an older snapshot would make useless.
    foreach v_step in array array['promote', 'fallback', 'expire', 'reclaim', 'backpressure', 'events',
                                   'partitions', 'retention', 'objects'] loop
        for round in 1..20 loop
            commit;
            set transaction isolation level read committed;
            exit when not herald.tick_step(v_step);
        end loop;
    end loop;
    for leaf in 0..12 loop
        commit;
        set transaction isolation level read committed;
        perform herald.tick_step('rotate', leaf);
    end loop;
    commit;
end
$$;
comment on procedure herald.tick() is
    'Maintenance: promotes, expires, reclaims, counts, joins events, makes and removes partitions, rotates the outbox';
