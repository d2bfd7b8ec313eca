-- tick: all maintenance, one transaction a step. Must be called outside a transaction block, every
-- second by each dispatcher and every minute by pg_cron (schedule_tick); calls may overlap.
-- Writes: as its steps · Called by: dispatchers, pg_cron
create procedure herald.tick()
language plpgsql
as $$
begin
    for round in 1..20 loop
        exit when not herald.tick_step('promote');
        commit;
    end loop;
    commit;
    perform herald.tick_step('expire');
    commit;
    perform herald.tick_step('reclaim');
    commit;
    for round in 1..100 loop
        exit when not herald.tick_step('partitions');
        commit;
    end loop;
    commit;
    for round in 1..20 loop
        exit when not herald.tick_step('retention');
        commit;
    end loop;
    commit;
    for leaf in 0..11 loop
        perform herald.tick_step('rotate', leaf);
        commit;
    end loop;
end
$$;
comment on procedure herald.tick() is
    'Maintenance: promotes, expires, reclaims, makes and removes partitions, rotates the outbox';
