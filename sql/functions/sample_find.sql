-- sample_find: a sample of a template.
-- Parameters: template - that exists; sample - its name
-- Returns: the row, raises 22023 when there is none · Writes: nothing
-- Called by: notify_render, notify_preview, notify_template_accept, template_file_apply
create function herald.sample_find(template text, sample text) returns herald.template_sample
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_sample herald.template_sample;
begin
    perform herald.check_text('sample', sample, 63);
    select s.* into v_sample from herald.template_sample s
     where s.template = sample_find.template and s.sample = sample_find.sample;
    if not found then
        perform herald.refuse_unknown(format('sample of template "%s"', template), sample,
            array(select s.sample from herald.template_sample s
                   where s.template = sample_find.template order by s.sample));
    end if;
    return v_sample;
end
$$;
comment on function herald.sample_find(text, text) is 'A sample of a template by name';
