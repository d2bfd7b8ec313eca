-- object_store_next: gives a dispatcher the next content to move to the store, or to delete there. Nobody else
-- gets it for ten minutes, which is longer than a transfer may take. While objects have URLs, which are
-- answered from the database, nothing is moved.
-- Returns: its hash in hexadecimal, and its size or, to delete, null; no row: there is nothing to do
-- Writes: object_content · Called by: herald-dispatcher
create function herald.object_store_next() returns table (sha256 text, size bigint)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_sha256 bytea;
begin
    -- Nobody removes the store before the mark is there.
    lock table herald.object_store in row share mode;
    if not exists (select from herald.object_store) then
        return;
    end if;
    select c.sha256 into v_sha256 from herald.object_content c
     where c.removed and c.next_at <= clock_timestamp()
     order by c.next_at limit 1 for update skip locked;
    if not found and herald.setting_value('object_base_url') = '' then
        select c.sha256 into v_sha256 from herald.object_content c
         where c.content is not null and c.next_at <= clock_timestamp()
         order by c.next_at limit 1 for update skip locked;
    end if;
    return query
        update herald.object_content c
           set stored = true, next_at = clock_timestamp() + interval '10 minutes'
         where c.sha256 = v_sha256
        returning encode(c.sha256, 'hex'), octet_length(c.content)::bigint;
end
$$;
comment on function herald.object_store_next() is 'Takes the next content to move to the store or delete there';
