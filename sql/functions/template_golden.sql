-- template_golden: keeps what a sample of a template shall render to.
-- Parameters: template, sample - that exist; version - it was rendered from, null: it was not; golden -
--             {"CHANNEL": {"PART": "content"}}, null: nothing is accepted
-- Returns: nothing · Writes: template_sample, template_history
-- Called by: notify_template_accept, template_file_apply
create function herald.template_golden(template text, version integer, sample text, golden jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_old jsonb;
begin
    if octet_length(golden::text) > 4194304 then
        raise exception using errcode = '54000',
            message = format('sample "%s" renders to more than 4194304 bytes', sample);
    end if;
    if jsonb_path_exists(golden, 'strict $.* ? (@.type() != "object" || exists (@.* ? (@.type() != "string")))') then
        raise exception using errcode = '22023',
            message = format('what sample "%s" renders to must be texts by channel and part', sample),
            hint = 'Write it like {"sms": {"text": "Order 7 shipped."}}.';
    end if;
    select s.golden into v_old from herald.template_sample s
     where s.template = template_golden.template and s.sample = template_golden.sample;
    if v_old is distinct from golden then
        update herald.template_sample s set golden = template_golden.golden, updated_at = now()
         where s.template = template_golden.template and s.sample = template_golden.sample;
        perform herald.template_log(template, version, 'golden', jsonb_build_object(
            'sample', sample, 'old', herald.text_hash(v_old::text), 'new', herald.text_hash(golden::text)));
    end if;
end
$$;
comment on function herald.template_golden(text, integer, text, jsonb) is
    'Keeps what a sample of a template shall render to';
