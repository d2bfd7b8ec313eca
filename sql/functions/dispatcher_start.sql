-- dispatcher_start: a dispatcher begins a new epoch; this session joins it.
-- Parameters: name - of the process, for people; version - "1.0"
-- Returns: the epoch, greater than every epoch that any row knows (a restored sequence may lag)
-- Writes: dispatcher · Called by: dispatchers, on their first session
create function herald.dispatcher_start(name text, version text) returns bigint
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_version constant text :=
        (select e.extversion from pg_extension e where e.extname = 'pg_herald');
    v_known bigint;
    v_epoch bigint;
begin
    perform herald.check_text('name', name, 255);
    if version is null or split_part(version, '.', 1) <> split_part(v_version, '.', 1) then
        raise exception using
            errcode = '0A000',
            message = format('dispatcher %s does not fit extension %s', version, v_version),
            hint = 'Install the same major version of both, or run alter extension pg_herald update.';
    end if;

    select greatest((select max(d.epoch) from herald.dispatcher d),
                    (select max(o.epoch) from herald.outbox o))
      into v_known;
    v_epoch := nextval('herald.dispatcher_epoch');
    if v_epoch <= v_known then
        perform setval('herald.dispatcher_epoch', v_known);
        v_epoch := nextval('herald.dispatcher_epoch');
    end if;

    perform pg_advisory_lock_shared(1214606916, v_epoch::integer);
    insert into herald.dispatcher (epoch, name, version) values (v_epoch, name, version);
    return v_epoch;
end
$$;
comment on function herald.dispatcher_start(text, text) is
    'Begins the epoch of a dispatcher; the session holds a shared advisory lock on it';
