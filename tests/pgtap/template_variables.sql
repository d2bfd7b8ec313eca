-- template_variables: what templates declare about their data, and sends that check it.
begin;
select * from no_plan();
select herald.notify_recipient('ann', phone => '+15005550006') \g /dev/null
select herald.notify_recipient('bob', phone => '+15005550007') \g /dev/null
select herald.notify_template('t') \g /dev/null
select herald.notify_template_part('t', 'sms', 'text', '{{ order_no }}') \g /dev/null
create function pg_temp.hint(statement text) returns text language plpgsql as $$
declare v_detail text; v_hint text;
begin
    execute statement;
    return 'ok';
exception when others then
    get stacked diagnostics v_detail = pg_exception_detail, v_hint = pg_exception_hint;
    return concat_ws(' ', sqlstate || ': ' || sqlerrm, '/ ' || nullif(v_detail, ''), '/ ' || nullif(v_hint, ''));
end
$$;

-- declarations
select is(pg_temp.hint(format('select herald.notify_template_variables(''t'', %L)', declaration)), wanted, declaration)
  from (values
    ('[]', '22023: variables must be an object / It is of type array.'),
    ('{"properties": []}', '22023: variables.properties must be an object'),
    ('{"properties": 1}', '22023: variables.properties must be an object'),
    ('{"type": "array"}', '22023: variables.type must be "object"'),
    ('{"type": ["object", "null"]}', '22023: variables.type must be "object"'),
    ('{"propertys": {}}', '22023: variables: unknown keyword "propertys" / Did you mean "properties"?'),
    ('{"enum": [1]}', '22023: variables: unknown keyword "enum" / Keywords are type, description, properties, required and additionalProperties.'),
    ('{"default": {}}', '22023: variables: unknown keyword "default" / Keywords are type, description, properties, required and additionalProperties.'),
    ('{"properties": {"a": 1}}', '22023: variables.properties.a must be an object'),
    ('{"properties": {"a b": {"tipe": 1}}}', '22023: variables.properties["a b"]: unknown keyword "tipe" / Did you mean "type"?'),
    ('{"properties": {"a": {"minLength": 1}}}',
     '22023: variables.properties.a: unknown keyword "minLength" / Keywords are type, description, properties, required and additionalProperties, enum, items and default.'),
    ('{"properties": {"a": {"type": "strng"}}}', '22023: variables.properties.a.type: unknown type "strng" / Did you mean "string"?'),
    ('{"properties": {"a": {"type": "x"}}}',
     '22023: variables.properties.a.type: unknown type "x" / Types are string, integer, number, boolean, array, object and null.'),
    ('{"properties": {"a": {"type": []}}}', '22023: variables.properties.a.type must be the name of a type or a list of them'),
    ('{"properties": {"a": {"type": [1]}}}', '22023: variables.properties.a.type must be the name of a type or a list of them'),
    ('{"properties": {"a": {"type": {}}}}', '22023: variables.properties.a.type must be an array'),
    ('{"properties": {"a": {"enum": []}}}', '22023: variables.properties.a.enum must be a list of 1 to 100 values'),
    ('{"properties": {"a": {"enum": "x"}}}', '22023: variables.properties.a.enum must be an array'),
    ('{"properties": {"a": {"enum": [{}]}}}', '22023: variables.properties.a.enum must be a list of strings, numbers, booleans and null'),
    ('{"properties": {"a": {"description": 1}}}', '22023: variables.properties.a.description must be a string'),
    ('{"properties": {"a": {"items": []}}}', '22023: variables.properties.a.items must be an object'),
    ('{"properties": {"a": {"items": {"x": 1}}}}',
     '22023: variables.properties.a.items: unknown keyword "x" / Keywords are type, description, properties, required and additionalProperties, enum, items and default.'),
    ('{"required": "a"}', '22023: variables.required must be an array'),
    ('{"required": [1]}', '22023: variables.required must be a list of names'),
    ('{"required": ["oder"], "properties": {"order": {}}}', '22023: variables.required: "oder" is none of the properties / Did you mean "order"?'),
    ('{"additionalProperties": {}}', '22023: variables.additionalProperties must be a boolean'),
    ('{"properties": {"a": {"type": "integer", "default": "x"}}}', '22023: variables.properties.a.default must be an integer / It is a string.'),
    ('{"properties": {"a": {"enum": [1, 2], "default": 3}}}', '22023: variables.properties.a.default must be one of 1, 2 / It is another value.'),
    ('{"properties": {"a": {"properties": {"b": {}}, "required": ["b"], "default": {}}}}',
     '22023: variables.properties.a.default.b is missing / It must be a value.'),
    ('{"properties": {"a": {"description": "' || repeat('x', 65536) || '"}}}', '54000: variables is larger than 65536 bytes'),
    (repeat('{"properties": {"a": ', 16) || '{}' || repeat('}}', 16), '54000: variables is nested deeper than 32 levels')) v(declaration, wanted);
select is((select variables from herald.template_version), '{}'::jsonb, 'nothing is declared by that');
select throws_ok(format('select herald.notify_template_variables(''t'', %L)',
                        jsonb_build_object('properties', jsonb_build_object('a', jsonb_build_object('enum', (select jsonb_agg(i) from generate_series(1, 101) i))))),
                 '22023', 'variables.properties.a.enum must be a list of 1 to 100 values');
select throws_ok($$select herald.notify_template_variables('x', '{}')$$, '22023', 'unknown template "x"');

-- a draft declares; sends ask the published version
select is(herald.notify_template_variables('t', '{
    "type": "object", "required": ["order_no", "address"], "additionalProperties": false,
    "properties": {
        "order_no": {"type": "integer", "description": "the number on the invoice"},
        "total": {"type": ["number", "null"]},
        "status": {"type": "string", "enum": ["open", "paid"], "default": "open"},
        "urgent": {"type": "boolean"},
        "address": {"type": "object", "required": ["city"],
                    "properties": {"city": {"type": "string"}, "country": {"default": {"code": "DE"}, "properties": {"code": {}, "name": {"default": "?"}}}}},
        "items": {"type": "array", "items": {"type": "object", "properties": {"price": {"type": "number"}, "count": {"type": "integer", "default": 1}},
                                             "required": ["price"]}},
        "free": {}}}'), 1, 'a declaration belongs to the draft');
select herald.notify_template_publish('t') \g /dev/null
create function pg_temp.send(data jsonb) returns text language plpgsql as $$
declare v_before bigint := (select count(*) from herald.notification); v_result text;
begin
    v_result := pg_temp.hint(format('select herald.notify_send(''t'', ''ann'', %L)', data));
    if v_result <> 'ok' and (select count(*) from herald.notification) <> v_before then return 'something was written'; end if;
    return v_result;
end
$$;
select is(pg_temp.send(data::jsonb), wanted, data)
  from (values
    ('{}', '22023: data.address is missing / It must be an object. / Template "t" version 1 declares it.'),
    ('{"address": {"city": "x"}}', '22023: data.order_no is missing / It must be an integer. / Template "t" version 1 declares it: the number on the invoice.'),
    ('{"address": {}, "order_no": 1}', '22023: data.address.city is missing / It must be a string. / Template "t" version 1 declares it.'),
    ('{"address": 1, "order_no": 1}', '22023: data.address must be an object / It is a number. / Template "t" version 1 declares it.'),
    ('{"address": [], "order_no": 1}', '22023: data.address must be an object / It is an array. / Template "t" version 1 declares it.'),
    ('{"address": {"city": "x"}, "order_no": "1"}',
     '22023: data.order_no must be an integer / It is a string. / Template "t" version 1 declares it: the number on the invoice.'),
    ('{"address": {"city": "x"}, "order_no": 1.5}',
     '22023: data.order_no must be an integer / It is a number with a fraction. / Template "t" version 1 declares it: the number on the invoice.'),
    ('{"address": {"city": "x"}, "order_no": null}',
     '22023: data.order_no must be an integer / It is null. / Template "t" version 1 declares it: the number on the invoice.'),
    ('{"address": {"city": "x"}, "order_no": 1.0}', 'ok'),
    ('{"address": {"city": "x"}, "order_no": 12345678901234567890}', 'ok'),
    ('{"address": {"city": "x"}, "order_no": 1, "total": null, "urgent": false, "free": [{}]}', 'ok'),
    ('{"address": {"city": "x"}, "order_no": 1, "total": true}',
     '22023: data.total must be a number or null / It is a boolean. / Template "t" version 1 declares it.'),
    ('{"address": {"city": "x"}, "order_no": 1, "status": "secret"}',
     '22023: data.status must be one of "open", "paid" / It is another value. / Template "t" version 1 declares it.'),
    ('{"address": {"city": "x"}, "order_no": 1, "ordr_no": 1}', '22023: data.ordr_no is not declared / Did you mean "order_no"?'),
    ('{"address": {"city": "x"}, "order_no": 1, "something": 1}', '22023: data.something is not declared / Template "t" version 1 declares it.'),
    ('{"address": {"city": "x", "more": 1}, "order_no": 1}', 'ok'),
    ('{"address": {"city": "x"}, "order_no": 1, "items": {}}', '22023: data.items must be an array / It is an object. / Template "t" version 1 declares it.'),
    ('{"address": {"city": "x"}, "order_no": 1, "items": [{"price": 1}, {"price": "2"}]}',
     '22023: data.items[1].price must be a number / It is a string. / Template "t" version 1 declares it.'),
    ('{"address": {"city": "x"}, "order_no": 1, "items": [{"price": 1, "count": 1}, 2]}',
     '22023: data.items[1] must be an object / It is a number. / Template "t" version 1 declares it.'),
    ('{"address": {"city": "x"}, "order_no": 1, "items": []}', 'ok')) v(data, wanted);
select is(pg_temp.hint($$select count(*) from herald.notify_send_many('t', '{ann,bob}', '{"order_no": 1}')$$),
          '22023: data.address is missing / It must be an object. / Template "t" version 1 declares it.', 'sends to many as well');

-- what is stored has the defaults
delete from herald.notification;
select herald.notify_send('t', 'ann', '{"order_no": 1, "address": {"city": "x"}, "items": [{"price": 1}, {"price": 2, "count": 3}]}', idempotency_key => 'k') as id \gset
select count(*) from herald.notify_send_many('t', '{ann,bob}', '{"order_no": 2, "address": {"city": "x", "country": {"code": "US"}}, "status": "paid"}') \g /dev/null
select results_eq('select data from herald.notification order by id', $$values
    ('{"order_no": 1, "status": "open", "address": {"city": "x", "country": {"code": "DE", "name": "?"}}, "items": [{"price": 1, "count": 1}, {"price": 2, "count": 3}]}'::jsonb),
    ('{"order_no": 2, "status": "paid", "address": {"city": "x", "country": {"code": "US", "name": "?"}}}'),
    ('{"order_no": 2, "status": "paid", "address": {"city": "x", "country": {"code": "US", "name": "?"}}}')$$, 'defaults are filled in, at every level');
select is(herald.notify_send('t', 'ann', '{"order_no": 1, "address": {"city": "x"}, "items": [{"price": 1}, {"price": 2, "count": 3}]}', idempotency_key => 'k'), :'id',
          'an idempotency key compares what was given');

-- a new version declares something else; the old declaration comes back with a rollback
select is(herald.notify_template_variables('t', null), 2, 'the next draft');
select is(pg_temp.send('{}'), '22023: data.address is missing / It must be an object. / Template "t" version 1 declares it.', 'a draft changes nothing');
select herald.notify_template_publish('t') \g /dev/null
select is(pg_temp.send('{}'), 'ok', 'once it is published, it does');
select herald.notify_template_rollback('t', 1) \g /dev/null
select isnt(pg_temp.send('{}'), 'ok', 'and back');
select herald.notify_template_part('t', 'sms', 'text', 'x') \g /dev/null
select is(variables, '{}'::jsonb, 'a draft has the declaration of the version it copies') from herald.template_version where version = 3;
select results_eq($$select detail from herald.template_history where action = 'variables' and version = 2$$,
                  $$select jsonb_build_object('old', variables, 'new', '{}'::jsonb) from herald.template_version where version = 1$$, 'the history has both');

-- ceilings
select herald.notify_template_variables('t', jsonb_build_object('properties', jsonb_build_object(
    'list', jsonb_build_object('items', jsonb_build_object('properties', jsonb_build_object('text', jsonb_build_object('default', repeat('x', 60000)))))))) \g /dev/null
select herald.notify_template_publish('t') \g /dev/null
select is(pg_temp.send(jsonb_build_object('list', (select jsonb_agg('{}'::jsonb) from generate_series(1, 20)))),
          '54000: data is larger than 1048576 bytes with its defaults', 'defaults that multiply');
select is(pg_temp.send(jsonb_build_object('list', (select jsonb_agg('{}'::jsonb) from generate_series(1, 15)))), 'ok', 'a few do not');
select is(pg_temp.send(jsonb_build_object('more', repeat('x', 500000), 'list', (select jsonb_agg('{}'::jsonb) from generate_series(1, 15)))),
          '54000: data is larger than 1048576 bytes', 'with what was given they do');
select herald.notify_template_variables('t', jsonb_build_object('properties', jsonb_build_object(
    'list', jsonb_build_object('items', jsonb_build_object('properties', (select jsonb_object_agg('p' || i, '{}'::jsonb) from generate_series(1, 100) i)))))) \g /dev/null
select herald.notify_template_publish('t') \g /dev/null
select is(pg_temp.send(jsonb_build_object('list', (select jsonb_agg('{}'::jsonb) from generate_series(1, 10000)))),
          '54000: data takes more than 1000000 steps to check / Send fewer items or declare less about them.', 'steps are bounded');

select * from finish();
rollback;
