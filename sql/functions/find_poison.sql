-- find_poison: the delivery that brought a dispatcher down, if that is certain enough: it was the only
-- suspect at work, for at least the third time a dispatcher was lost with it, and none was lost without
-- it in the last ten minutes for a reason that is not known. After twelve times no more is asked.
-- Parameters: epoch - that was lost, its claims not yet taken back
-- Returns: id of the delivery, or null · Writes: dispatcher · Called by: reclaim_epoch
create function herald.find_poison(epoch bigint) returns uuid
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    v_suspects uuid[];
    v_epochs bigint[];
begin
    select array_agg(o.id) into v_suspects
      from herald.outbox_12 o
     where o.epoch = find_poison.epoch and o.begun = o.attempt;
    if cardinality(v_suspects) is distinct from 1 then
        return null;
    end if;

    select array_agg(a.epoch) || find_poison.epoch into v_epochs
      from herald.attempt a
     where a.id = v_suspects[1] and a.bucket = herald.id_bucket(v_suspects[1])
       and a.class = 'lease_lost';
    if cardinality(v_epochs) < 3
       or cardinality(v_epochs) < 12
          and exists (select from herald.dispatcher d
                       where d.gone_at > clock_timestamp() - interval '10 minutes' and d.lost > 0
                         and d.poison is null and d.epoch <> all (v_epochs))
    then
        return null;
    end if;

    update herald.dispatcher d set poison = v_suspects[1] where d.epoch = any (v_epochs);
    return v_suspects[1];
end
$$;
comment on function herald.find_poison(bigint) is
    'The delivery that brought a dispatcher down, if that is certain enough';
