-- sample_attributes: whom a sample is for: the member "recipient" of its data stands for the attributes of
-- the recipient, which sends take from elsewhere.
-- Parameters: data - of a sample
-- Returns: the attributes, {} when it has none · Writes: nothing · Called by: notify_render, render_sample
create function herald.sample_attributes(data jsonb) returns jsonb
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case when jsonb_typeof(data -> 'recipient') = 'object' then data -> 'recipient' else '{}' end
$$;
comment on function herald.sample_attributes(jsonb) is 'Attributes of the recipient that a sample is for';
