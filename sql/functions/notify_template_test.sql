-- notify_template_test: renders every sample of a template and compares with what was accepted.
-- Parameters: template; version - null: the latest, a draft included
-- Returns: one row a sample, channel and part; without something accepted it passes when it renders. What
--          the declared variables refuse is one row without channel · Writes: nothing
-- Called by: operators, authors
create function herald.notify_template_test(template text, version integer default null)
returns table (sample text, channel text, part text, passed boolean, expected text, actual text,
               problem text)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_version integer;
    v_sample herald.template_sample;
begin
    perform herald.check_template_privilege(template);
    perform herald.check_template(template);
    v_version := herald.template_latest(template, version);
    for v_sample in
        select s.* from herald.template_sample s
         where s.template = notify_template_test.template order by s.sample
    loop
        begin
            return query
                select v_sample.sample, t.channel, t.part, t.problem is null, t.expected, t.actual, t.problem
                  from (select coalesce(g.channel, r.channel) as channel, coalesce(g.part, r.part) as part,
                               g.expected, r.content as actual,
                               case when r.problem is not null then r.problem
                                    when v_sample.golden is null then null
                                    when g.part is null then 'is not in what was accepted'
                                    when r.part is null then 'is not rendered any more'
                                    when g.expected <> r.content then 'differs from what was accepted'
                               end as problem
                          from herald.render_sample(template, v_version, v_sample, false) r
                          full join (select c.key as channel, p.key as part, p.value as expected
                                       from jsonb_each(v_sample.golden) c, jsonb_each_text(c.value) p) g
                            on g.channel = r.channel and g.part = r.part) t
                 order by t.channel, t.part;
        exception when invalid_parameter_value or program_limit_exceeded then
            return query select v_sample.sample, null::text, null::text, false, null::text, null::text, sqlerrm;
        end;
    end loop;
end
$$;
comment on function herald.notify_template_test(text, integer) is
    'Renders every sample of a template and compares with what was accepted';
