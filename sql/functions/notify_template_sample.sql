-- notify_template_sample: sets or removes sample data of a template. What was accepted for it stays, so that
-- notify_template_test() shows what the change does.
-- Parameters: template; data - an object, its member "recipient" stands for the recipient's attributes;
--             null removes the sample; sample - its name; locale
-- Returns: nothing · Writes: template_sample, template_history · Called by: operators, authors
create function herald.notify_template_sample(
    template text, data jsonb, sample text default 'sample', locale text default '')
returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_old herald.template_sample;
begin
    perform herald.check_template_privilege(template, 'edit');
    perform herald.check_template(template);
    perform herald.check_name('sample', sample);
    if sample like '%.golden' then
        raise exception using errcode = '22023', message = 'sample must not end in ".golden"',
            hint = 'Among the files of a template that names what was accepted.';
    end if;
    if locale is null then
        raise exception using errcode = '22004', message = 'locale must not be null';
    end if;
    perform herald.check_locale(locale);
    if data is not null then
        perform herald.check_json('data', data, 1048576, 64);
    end if;

    perform from herald.template t where t.name = notify_template_sample.template for update;
    select s.* into v_old from herald.template_sample s
     where s.template = notify_template_sample.template and s.sample = notify_template_sample.sample;
    if (v_old.data, case when data is not null then v_old.locale end)
       is not distinct from (data, case when data is not null then locale end) then
        return;
    end if;
    if data is null then
        delete from herald.template_sample s
         where s.template = notify_template_sample.template and s.sample = notify_template_sample.sample;
    else
        if v_old.sample is null and (select count(*) from herald.template_sample s
                                      where s.template = notify_template_sample.template) >= 100
        then
            raise exception using errcode = '54000',
                message = format('template "%s" has 100 samples already', template);
        end if;
        insert into herald.template_sample as s (template, sample, locale, data)
        values (notify_template_sample.template, notify_template_sample.sample,
                notify_template_sample.locale, notify_template_sample.data)
        on conflict on constraint template_sample_pkey do update
           set data = excluded.data, locale = excluded.locale, updated_at = now();
    end if;
    perform herald.template_log(template, null, case when data is null then 'sample_remove' else 'sample' end,
        jsonb_build_object('sample', sample, 'locale', locale, 'old', herald.text_hash(v_old.data::text),
                           'new', herald.text_hash(data::text)));
end
$$;
comment on function herald.notify_template_sample(text, jsonb, text, text) is
    'Sets (or with null data removes) sample data of a template';
