-- check_tags: refuses what cannot be the tags of a template.
-- Parameters: tags
-- Returns: nothing · Writes: nothing · Called by: notify_template
create function herald.check_tags(tags text[]) returns void
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    if cardinality(tags) > 32 then
        raise exception using errcode = '54000', message = 'tags has more than 32 elements',
            detail = format('It has %s.', cardinality(tags));
    end if;
    perform herald.check_name('tag', tag) from unnest(tags) tag;
end
$$;
comment on function herald.check_tags(text[]) is 'Refuses what cannot be the tags of a template';
