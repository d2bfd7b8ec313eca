-- template_files: templates as files: export, changes, import.
begin;
select * from no_plan();
select herald.notify_category('orders') \g /dev/null

-- Imports alternating paths and contents.
create function pg_temp.import(template text, files text[], publish boolean default false) returns integer
language sql as $$
    select herald.notify_template_import(template,
        array(select files[i] from generate_series(1, cardinality(files), 2) i order by i),
        array(select files[i] from generate_series(2, cardinality(files), 2) i order by i), publish => publish)
$$;
create function pg_temp.exported(template text, version integer default null) returns text[]
language sql as $$
    select array_agg(v order by n, k) from herald.notify_template_export(template, version) with ordinality e(path, content, n),
           unnest(array[path, content]) with ordinality u(v, k)
$$;
-- The error of a statement: state, message, hint.
create function pg_temp.refusal(statement text) returns text[] language plpgsql as $$
declare v_hint text;
begin
    execute statement;
    return null;
exception when others then
    get stacked diagnostics v_hint = pg_exception_hint;
    return array[sqlstate, sqlerrm, v_hint];
end
$$;
create function pg_temp.versions(name text) returns text language sql as $$
    select string_agg(v.version || case when published_at is null then ' draft' else '' end, ', ' order by v.version)
      from herald.template_version v where v.template = name
$$;

-- export
select herald.notify_template('shipped', E'Left the "house"\n', 'orders') \g /dev/null
select is(pg_temp.exported('shipped'),
    array['template.json', E'{\n    "mode": "strict",\n    "tags": [],\n    "category": "orders",\n    "variables": {},\n    "description": "Left the \\"house\\"\\n"\n}\n'],
    'a template without versions is one file');
select herald.notify_template_part('shipped', 'sms', 'text', 'Order {{ n }}') \g /dev/null
select herald.notify_template_part('shipped', 'sms', 'text', E'Bestellung\n{{ n }}\n', 'de-CH') \g /dev/null
select herald.notify_template_part('shipped', 'email', 'text', '') \g /dev/null
select results_eq($$select path, content from herald.notify_template_export('shipped') where path <> 'template.json'$$,
    $$values ('email.text.liquid', E'\n'), ('sms.text.de-CH.liquid', E'Bestellung\n{{ n }}\n\n'), ('sms.text.liquid', E'Order {{ n }}\n')$$,
    'a part is a file, its source and one newline, in order');
select herald.notify_template_part('shipped', 'email', 'text', null) \g /dev/null
select is(herald.notify_template_publish('shipped'), 1, 'version 1');
select herald.notify_template_part('shipped', 'sms', 'text', 'Order {{ n }}!') \g /dev/null
select is((pg_temp.exported('shipped'))[6], (pg_temp.exported('shipped', 1))[6], 'description and category belong to no version');
select is((pg_temp.exported('shipped', version))[2], E'Bestellung\n{{ n }}\n\n', 'a part') from (values (1), (2), (null)) v(version);
select is((pg_temp.exported('shipped', version))[4], content, 'version ' || coalesce(version::text, 'null'))
  from (values (1, E'Order {{ n }}\n'), (2, E'Order {{ n }}!\n'), (null, E'Order {{ n }}!\n')) v(version, content);
select is(pg_temp.refusal($$select herald.notify_template_export('shiped')$$),
    array['22023', 'unknown template "shiped"', 'Did you mean "shipped"?'], 'an unknown template');
select is(pg_temp.refusal($$select herald.notify_template_export('shipped', 3)$$),
    array['22023', 'template "shipped" has no version 3', ''], 'an unknown version');

-- What was exported is imported as what it was, and changes nothing.
select is(pg_temp.import('shipped', pg_temp.exported('shipped')), 2, 'the same files');
select is(pg_temp.versions('shipped'), '1, 2 draft', 'make no version');
select is(pg_temp.import('shipped', pg_temp.exported('shipped'), true), 2, 'and can be published');
select is(pg_temp.import('shipped', pg_temp.exported('shipped'), true), 2, 'which changes nothing the second time');
select is(pg_temp.versions('shipped'), '1, 2', 'really');
select herald.notify_template_rollback('shipped', 1) \g /dev/null
select is(pg_temp.import('shipped', pg_temp.exported('shipped')), 2, 'without publishing');
select is(published_version, 1, 'what sends use stays') from herald.template;
select is(pg_temp.import('shipped', pg_temp.exported('shipped'), true), 2, 'publishing the latest version');
select is(published_version, 2, 'ends a rollback') from herald.template;
select is(pg_temp.import('copy', pg_temp.exported('shipped')), 1, 'a template is made when it is missing');
select is(pg_temp.exported('copy'), pg_temp.exported('shipped'), 'and equal');

-- Parts: changed, added, removed.
select is(pg_temp.import('copy', array['template.json', '{}', 'sms.text.liquid', 'a', 'push.body.ko.liquid', E'b\n', 'push.body.liquid', '']),
    1, 'the draft grows and shrinks');
select is(pg_temp.exported('copy'),
    array['push.body.ko.liquid', E'b\n', 'push.body.liquid', E'\n', 'sms.text.liquid', E'a\n',
          'template.json', E'{\n    "mode": "strict",\n    "tags": [],\n    "category": null,\n    "variables": {},\n    "description": ""\n}\n'], 'to exactly the files');
select is(source, 'a', 'a last line without end is a source too') from herald.template_part where template = 'copy' and channel::text = 'sms';
select is(pg_temp.import('copy', array['template.json', '{}', 'sms.text.liquid', 'a'], true), 1, 'published');
select is(pg_temp.import('copy', array['template.json', '{"description": "x"}', 'sms.text.liquid', E'a\n']), 1,
    'a description makes no version');
select is(description, 'x', 'but is changed') from herald.template where name = 'copy';
select is(pg_temp.import('copy', array['template.json', ' {  } ', 'sms.text.liquid', E'a\n\n']), 2, 'one more newline does');
select is(pg_temp.import('copy', array['template.json', '{}']), 2, 'all parts can go');
select is(pg_temp.import('empty', array['template.json', '{}']), null, 'a template may have none');

select is(pg_temp.import('empty', array['template.json', '{"tags": ["b", "a", "b"], "mode": "lax"}']), null, 'tags and mode');
select is(pg_temp.exported('empty'),
    array['template.json', E'{\n    "mode": "lax",\n    "tags": [\n        "a",\n        "b"\n    ],\n    "category": null,\n    "variables": {},\n    "description": ""\n}\n'],
    'are in template.json');
select is(pg_temp.import('empty', array['template.json', '{"tags": ["b", "a"], "mode": "lax"}']), null, 'again');
select is_empty($$select * from herald.template_changes('empty', '{template.json}', array['{"tags": ["b", "a"], "mode": "lax"}'])$$,
    'the order of tags does not matter');
select is(pg_temp.import('empty', array['template.json', '{}']), null, 'what is left out');
select results_eq($$select tags, mode from herald.template where name = 'empty'$$, $$values (array[]::text[], 'strict')$$, 'is the default');

-- Samples, and what they shall render to.
select is(pg_temp.import('copy', array['template.json', '{}', 'sms.text.liquid', 'Hi {{ n }}', 'samples/b.json', '{"data": {"n": 1.50}}',
    'samples/b.golden.json', '{"sms": {"text": "Hi 1.5"}}', 'samples/c.json', '{"locale": "de"}'], true), 2, 'samples come with their expectations');
select results_eq($$select sample, locale, data, golden from herald.template_sample order by sample$$,
    $$values ('b', '', '{"n": 1.50}'::jsonb, '{"sms": {"text": "Hi 1.5"}}'::jsonb), ('c', 'de', '{}', null)$$, 'and are kept');
select ok(bool_and(passed), 'the accepted one passes') from herald.notify_template_test('copy') where sample = 'b';
select is((pg_temp.exported('copy'))[1:6], array['samples/b.golden.json', E'{\n    "sms": {\n        "text": "Hi 1.5"\n    }\n}\n',
    'samples/b.json', E'{\n    "data": {\n        "n": 1.50\n    },\n    "locale": ""\n}\n', 'samples/c.json', E'{\n    "data": {},\n    "locale": "de"\n}\n'],
    'they are exported');
select is_empty($$select * from herald.template_changes('copy', array(select path from herald.notify_template_export('copy')),
    array(select content from herald.notify_template_export('copy')))$$, 'to and fro');
select is(pg_temp.import('copy', array['template.json', '{}', 'sms.text.liquid', 'Hi {{ n }}', 'samples/b.json', '{"data": {"n": 2}}']), 2,
    'samples make no version');
select results_eq($$select sample, data, golden from herald.template_sample$$, $$values ('b', '{"n": 2}'::jsonb, null::jsonb)$$,
    'what has no file is removed');
select is(string_agg(action, ' ' order by id), 'sample_remove golden sample', 'the history tells it')
  from (select * from herald.template_history order by id desc limit 3) h;
select is(herald.notify_template_accept('copy'), 1, 'accepted');
select is((pg_temp.exported('copy'))[2], E'{\n    "sms": {\n        "text": "Hi 2"\n    }\n}\n', 'is exported too');
select is(pg_temp.import('copy', array['template.json', '{}', 'sms.text.liquid', 'Hi {{ n }}']), 2, 'both are removed together');
select lives_ok(format($$select pg_temp.import('copy', '{template.json,"{}"}' || array(select v from generate_series(1, 100) n,
    unnest(array['samples/%s' || n || '.json', '{}']) v))$$, letter), 'a hundred samples') from unnest(array['a', 'b']) letter;
select is(pg_temp.import('copy', array['template.json', '{}', 'sms.text.liquid', 'a'], true), 3, 'none');

-- Variables are of a version.
select is(pg_temp.import('copy', array['template.json', '{"variables": {"type": "object", "properties": {"n": {"type": "integer"}}}}', 'sms.text.liquid', '{{ n }}'], true),
    4, 'variables are declared in template.json');
select is(variables, '{"type": "object", "properties": {"n": {"type": "integer"}}}', 'and kept') from herald.template_version where template = 'copy' and version = 4;
select is(pg_temp.import('copy', pg_temp.exported('copy', 4)), 4, 'to and fro');
select is(pg_temp.import('copy', array['template.json', '{}', 'sms.text.liquid', '{{ n }}']), 5, 'without them a draft begins');
select is(variables, '{}', 'that declares none') from herald.template_version where template = 'copy' and version = 5;
select is(pg_temp.import('copy', pg_temp.exported('copy', 4)), 5, 'until they are back');

-- changes
select results_eq($$select * from herald.template_changes('shipped', '{template.json,sms.text.liquid,push.title.liquid}', array['{}', 'x', 'y'])$$,
    $$values ('push.title.liquid', null, E'y\n'), ('sms.text.de-CH.liquid', E'Bestellung\n{{ n }}\n\n', null),
             ('sms.text.liquid', E'Order {{ n }}!\n', E'x\n'),
             ('template.json', E'{\n    "mode": "strict",\n    "tags": [],\n    "category": "orders",\n    "variables": {},\n    "description": "Left the \\"house\\"\\n"\n}\n', E'{\n    "mode": "strict",\n    "tags": [],\n    "category": null,\n    "variables": {},\n    "description": ""\n}\n')$$,
    'each file that differs, both ways');
select results_eq($$select path from herald.template_changes('shipped', array['template.json', 'sms.text.liquid', 'sms.text.de-CH.liquid'],
                                    array['{"description": "Left the \"house\"\n", "category":"orders"}', 'Order {{ n }}', E'Bestellung\n{{ n }}\n\n'], 1)$$,
    array[]::text[], 'nothing to the version they came from');
select results_eq($$select path, stored from herald.template_changes('nothing', '{template.json}', array['{}'])$$,
    $$values ('template.json', null::text)$$, 'a new template is all new');

-- What is refused, and what it says.
select is(pg_temp.refusal(format('select pg_temp.import(%L, %L)', 'copy', files)), wanted, wanted[2])
  from (values
    (array['template.json', '{}', 'sms.text.liquid', E'a\n{{ b | nonsense }}'],
     array['42601', 'copy/sms.text.liquid: line 2, column 8: unknown filter "nonsense"', '']),
    (array['template.json', '{}', 'sms.text.de.liquid', '{% if %}'],
     array['42601', 'copy/sms.text.de.liquid: line 1, column 7: expected a value before the closing delimiter', '']),
    (array['template.json', '{}', 'smss.text.liquid', ''],
     array['22023', 'unknown file of template "copy": "smss.text.liquid"', 'Did you mean "sms.text.liquid"?']),
    (array['template.json', '{}', 'sms.text.de.liquid~', ''],
     array['22023', 'unknown file of template "copy": "sms.text.de.liquid~"', 'Did you mean "sms.text.liquid"?']),
    (array['template.json', '{}', 'sms.text..liquid', ''],
     array['22023', 'unknown file of template "copy": "sms.text..liquid"', 'Did you mean "sms.text.liquid"?']),
    (array['template.json', '{}', 'sms.text.d_e.liquid', ''],
     array['22023', 'unknown file of template "copy": "sms.text.d_e.liquid"', 'Did you mean "sms.text.liquid"?']),
    (array['template.json', '{}', '../template.json', '{}'],
     array['22023', 'unknown file of template "copy": "../template.json"', 'Did you mean "template.json"?']),
    (array['template.json', '{}', 'sms.text.de-a2345678-a2345678-a2345678-a2345678.liquid', ''],
     array['22023', 'copy/sms.text.de-a2345678-a2345678-a2345678-a2345678.liquid: locale is not a language tag',
           'Write it like "en" or "pt-BR", at most 35 characters.']),
    (array['sms.text.liquid', 'a'],
     array['22023', 'template "copy" lacks the file template.json', 'It may be {}: description, category and so on have defaults.']),
    (array['template.json', '{}', 'template.json', '{}'], array['22023', 'template "copy": a path is given twice', '']),
    (array['template.json', '{}', 'sms.text.liquid', null], array['22004', 'copy/sms.text.liquid: content must not be null', '']),
    (array['template.json', '{}', null, 'x'], array['22004', 'path must not be null', '']),
    (array['template.json', '{}', 'sms.text.liquid', repeat('x', 4194305)],
     array['54000', 'copy/sms.text.liquid is longer than 4194304 bytes', '']),
    (array['template.json', '{}', 'sms.text.liquid', repeat('x', 1048577)],
     array['54000', 'copy/sms.text.liquid: source is longer than 1048576 bytes', '']),
    (array['template.json', E'{\n"description": x}'], array['22023', 'copy/template.json: line 2: invalid input syntax for type json', '']),
    (array['template.json', E'{"description": "\\u0000"}'], array['22023', 'copy/template.json: line 1: unsupported Unicode escape sequence', '']),
    (array['template.json', '[]'], array['22023', 'copy/template.json must be an object', '']),
    (array['template.json', '{"descripton": ""}'],
     array['22023', 'unknown member of copy/template.json: "descripton"', 'Did you mean "description"?']),
    (array['template.json', '{"description": 5}'], array['22023', 'copy/template.json: "description" must not be of type number', '']),
    (array['template.json', '{}', 'samples/x.golden.json', '{}'],
     array['22023', 'copy/samples/x.golden.json: unknown sample of template "copy" "x"', 'There is no sample of template "copy" of a similar name.']),
    (array['template.json', '{}', 'samples/x.json', '{}', 'samples/x.golden.json', '{"sms": [{"text": "x"}]}'],
     array['22023', 'copy/samples/x.golden.json: what sample "x" renders to must be texts by channel and part', 'Write it like {"sms": {"text": "Order 7 shipped."}}.']),
    (array['template.json', '{}', 'samples/x.json', '{}', 'samples/x.golden.json', '{"sms": {"text": 1}}'],
     array['22023', 'copy/samples/x.golden.json: what sample "x" renders to must be texts by channel and part', 'Write it like {"sms": {"text": "Order 7 shipped."}}.']),
    (array['template.json', '{}', 'samples/x.json', '{"data": 1}'], array['22023', 'copy/samples/x.json: "data" must not be of type number', '']),
    (array['template.json', '{}', 'samples/x.json', '{"local": "de"}'],
     array['22023', 'unknown member of copy/samples/x.json: "local"', 'Did you mean "locale"?']),
    (array['template.json', '{}', 'samples/../x.json', '{}'],
     array['22023', 'unknown file of template "copy": "samples/../x.json"', 'Did you mean "samples/sample.json"?']),
    (array['template.json', '{}', 'samples/' || repeat('x', 64) || '.json', '{}'],
     array['54000', 'copy/samples/' || repeat('x', 64) || '.json: sample is longer than 63 bytes', '']),
    (array['template.json', '{"variables": {"type": "array"}}'],
     array['22023', 'copy/template.json: variables.type must be "object"', '']),
    (array['template.json', '{"category": 5}'], array['22023', 'copy/template.json: "category" must not be of type number', '']),
    (array['template.json', '{"tags": {}}'], array['22023', 'copy/template.json: "tags" must not be of type object', '']),
    (array['template.json', '{"tags": ["A"]}'], array['22023', 'copy/template.json: tag is not a valid name',
           'Names are made of a-z, 0-9, "_", "." and "-" and begin with a letter or digit.']),
    (array['template.json', '{"mode": "stict"}'], array['22023', 'copy/template.json: unknown mode "stict"', 'Did you mean "strict"?']),
    (array['template.json', '{"category": "order"}'],
     array['22023', 'copy/template.json: unknown category "order"', 'Did you mean "orders"?'])) v(files, wanted);
select lives_ok(format('select pg_temp.import(%L, array[%L, %L, %L, repeat(%L, 1048576) || %L])', 'copy', 'template.json', '{}', 'sms.text.liquid', 'x', E'\n'),
    'a source of 1 MB');
select is(pg_temp.refusal('select herald.notify_template_import(' || arguments || ')'), wanted, arguments)
  from (values
    ('''copy'', null, null', array['22023', 'paths and contents must be arrays of the same length, at most 1000 files', '']),
    ('''copy'', ''{a}'', ''{}''', array['22023', 'paths and contents must be arrays of the same length, at most 1000 files', '']),
    ('''copy'', array_fill(''x''::text, ''{1001}''), array_fill(''x''::text, ''{1001}'')',
     array['22023', 'paths and contents must be arrays of the same length, at most 1000 files', '']),
    ('''copy'', ''{template.json}'', array[''{}''], publish => null', array['22004', 'publish must not be null', '']),
    ('null, ''{template.json}'', array[''{}'']', array['22004', 'template must not be null', '']),
    ('''a/b'', ''{template.json}'', array[''{}'']',
     array['22023', 'template is not a valid name', 'Names are made of a-z, 0-9, "_", "." and "-" and begin with a letter or digit.']))
    v(arguments, wanted);

-- An error leaves nothing behind: neither the template nor the files before it.
select pg_temp.refusal($$select pg_temp.import('broken', array['template.json', '{}', 'email.text.liquid', 'x', 'sms.text.liquid', '{{'])$$) \g /dev/null
select is(count(*), 0::bigint, 'no template is made') from herald.template where name = 'broken';
select is((pg_temp.refusal($$select pg_temp.import('shipped', array['template.json', '{}', 'push.data.liquid', '{}'], true)$$))[2],
    'template "shipped": channel push has no title, body or options in the default locale', 'nor published what cannot be');
select is(pg_temp.versions('shipped'), '1, 2', 'nor a version');

-- Who may do what, and in whose name.
create role herald_test_author login in role herald_author;
create role herald_test_reader login in role herald_author;
select herald.notify_template_grant('herald_test_author', 'auth*', 'edit') \g /dev/null
select herald.notify_template_grant('herald_test_reader', 'other', 'edit') \g /dev/null
set local session authorization herald_test_author;
do $$
begin
    perform herald.notify_template_import('authored', '{template.json,sms.text.liquid}', array['{}', 'x']);
end
$$;
reset session authorization;
select is(created_by, 'herald_test_author', 'an author imports') from herald.template_version where template = 'authored';
create function pg_temp.state_as(login text, statement text) returns text language plpgsql as $$
begin
    execute format('set local session authorization %I', login);
    execute statement;
    reset session authorization;
    return 'ok';
exception when others then
    return sqlstate;
end
$$;
select is(pg_temp.state_as('herald_test_' || login, statement), wanted, format('%s: %s', login, statement))
  from (values
    ('author', 'select herald.notify_template_export(''authored'')', 'ok'),
    ('reader', 'select herald.notify_template_export(''authored'')', '42501'),
    ('reader', 'select herald.template_changes(''authored'', ''{template.json}'', array[''{}''])', '42501'),
    ('reader', 'select herald.notify_template_import(''authored'', ''{template.json}'', array[''{}''])', '42501'),
    ('author', 'select herald.notify_template_import(''other'', ''{template.json}'', array[''{}''])', '42501'),
    ('author', 'select herald.notify_template_import(''authored'', ''{template.json,sms.text.liquid}'', array[''{}'', ''x''], publish => true)', '42501'),
    ('author', 'select herald.template_file_apply(''authored'', ''sms.text.liquid'', ''x'')', '42501')) v(login, statement, wanted);

select * from finish();
rollback;
