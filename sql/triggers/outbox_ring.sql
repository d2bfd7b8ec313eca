-- outbox_ring: every leaf of the outbox rings.
do $$
begin
    for leaf in 0..11 loop
        execute format('create trigger outbox_%1$s_ring after insert on herald.outbox_%1$s'
                       ' for each statement execute function herald.outbox_ring()', leaf);
    end loop;
end
$$;
