-- object_store_done: what became of that content in the store.
-- Parameters: sha256 - its hash in hexadecimal; deleted - whether it was to be deleted, else it was moved; ok -
--             whether that was done; else it is tried again after a minute
-- Returns: nothing · Writes: object_content · Called by: herald-dispatcher
create function herald.object_store_done(sha256 text, deleted boolean, ok boolean) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_sha256 constant bytea := decode(object_store_done.sha256, 'hex');
begin
    if ok and deleted then
        delete from herald.object_content c where c.sha256 = v_sha256 and c.removed;
    end if;
    -- What was removed or came back meanwhile is looked at anew.
    update herald.object_content c
       set content = case when ok and not deleted then null else c.content end,
           next_at = clock_timestamp() + case when ok then '0' else '1 minute' end::interval
     where c.sha256 = v_sha256;
end
$$;
comment on function herald.object_store_done(text, boolean, boolean) is
    'Content was moved to the store or deleted there, or could not be';
