-- notify_template_accept: renders samples over every channel and keeps the result for notify_template_test().
-- Parameters: template; sample - null: all; version - null: the latest, a draft included
-- Returns: how many samples · Writes: template_sample, template_history · Called by: operators, authors
create function herald.notify_template_accept(
    template text, sample text default null, version integer default null)
returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_version integer;
    v_sample herald.template_sample;
    v_golden jsonb;
    v_count integer := 0;
begin
    perform herald.check_template_privilege(template, 'edit');
    perform herald.check_template(template);
    v_version := herald.template_latest(template, version);
    if sample is not null then
        perform herald.sample_find(template, sample);
    end if;
    perform from herald.template t where t.name = notify_template_accept.template for update;
    for v_sample in
        select s.* from herald.template_sample s
         where s.template = notify_template_accept.template
           and s.sample = coalesce(notify_template_accept.sample, s.sample)
         order by s.sample
    loop
        select jsonb_object_agg(c.channel, c.parts) into v_golden
          from (select r.channel, jsonb_object_agg(r.part, r.content) as parts
                  from herald.render_sample(template, v_version, v_sample, true) r
                 group by r.channel) c;
        perform herald.template_golden(template, v_version, v_sample.sample, v_golden);
        v_count := v_count + 1;
    end loop;
    if v_count = 0 then
        raise exception using errcode = '55000',
            message = format('template "%s" has no sample', template),
            hint = 'Give it one with herald.notify_template_sample().';
    end if;
    return v_count;
end
$$;
comment on function herald.notify_template_accept(text, text, integer) is
    'Renders samples of a template and keeps the result for notify_template_test(); returns how many';
