-- render_sample: renders a template with a sample, over every channel, always at the same time.
-- Parameters: template, version - that exist; sample - a row of template_sample; fail - raise the first
--             error instead of reporting it
-- Returns: content or problem of each part; raises what the declared variables refuse · Writes: nothing
-- Called by: notify_template_accept, notify_template_test
create function herald.render_sample(
    template text, version integer, sample herald.template_sample, fail boolean)
returns table (channel text, part text, content text, problem text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select c.channel::text, r.part, r.content, r.problem
      from herald.template t
      join herald.template_version v on v.template = t.name and v.version = render_sample.version,
           lateral (select distinct p.channel from herald.template_part p
                     where p.template = t.name and p.version = v.version) c,
           herald.render_template(t.name, v.version, c.channel::text, (sample).locale,
               herald.template_variables(
                   herald.fill_variables(v.variables, (sample).data - 'recipient', t.name, v.version),
                   herald.sample_attributes((sample).data), null, (sample).locale, null,
                   '00000000-0000-0000-0000-000000000000', t.name, t.category),
               '2026-01-01 00:00:00+00', null, fail) r
     where t.name = render_sample.template
$$;
comment on function herald.render_sample(text, integer, herald.template_sample, boolean) is
    'Renders a template with a sample, over every channel, always at the same time';
