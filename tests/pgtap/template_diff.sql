-- template_diff: differences of texts and of versions.
begin;
select * from no_plan();

-- texts; "|" stands for a line feed
create function pg_temp.diff(a text, b text) returns text language sql as $$
    select string_agg(line, '|' order by place)
      from herald.text_diff(replace(a, '|', E'\n'), replace(b, '|', E'\n')) with ordinality l(line, place) $$;
select is(pg_temp.diff(a, b), wanted, format('%s -> %s', a, b))
  from (values
    ('', '', null), ('a|', 'a|', null), ('a', 'a', null),
    ('', 'a|', '@@ -0,0 +1 @@|+a'), ('a|', '', '@@ -1 +0,0 @@|-a'), ('', '|', '@@ -0,0 +1 @@|+'),
    ('a|b|c|', 'a|x|c|', '@@ -1,3 +1,3 @@| a|-b|+x| c'),
    ('a', 'a|', '@@ -1 +1 @@|-a|\ No newline at end of file|+a'),
    ('a|b', 'a|c', '@@ -1,2 +1,2 @@| a|-b|\ No newline at end of file|+c|\ No newline at end of file'),
    ('1|2|3|4|5|6|7|8|9|', '1|2|3|4|x|6|7|8|9|', '@@ -2,7 +2,7 @@| 2| 3| 4|-5|+x| 6| 7| 8'),
    ('1|2|3|4|5|6|7|8|', 'x|2|3|4|5|6|7|y|', '@@ -1,8 +1,8 @@|-1|+x| 2| 3| 4| 5| 6| 7|-8|+y'),
    ('1|2|3|4|5|6|7|8|9|', 'x|2|3|4|5|6|7|8|y|', '@@ -1,4 +1,4 @@|-1|+x| 2| 3| 4|@@ -6,4 +6,4 @@| 6| 7| 8|-9|+y'),
    ('a|b|c|a|b|b|a|', 'c|b|a|b|a|c|', '@@ -1,7 +1,6 @@|-a|-b| c|+b| a| b|-b| a|+c'),
    ('안녕|b|', '안녕|c|', '@@ -1,2 +1,2 @@| 안녕|-b|+c')) v(a, b, wanted);
-- Applied to the old text a difference gives the new one, and it is no longer than need be.
create temp table texts as
    select i, string_agg(chr(97 + (i * j * j + j) % (2 + i % 4)), E'\n') || E'\n' as old,
           string_agg(chr(97 + (i * j + 3 * j * j) % (2 + i % 4)), E'\n') filter (where j % 4 > 0) || E'\n' as new
      from generate_series(1, 200) i, generate_series(1, 20) j group by i;
select is_empty($$
    select i from texts, lateral (
        select string_agg(substr(line, 2), E'\n' order by place) filter (where line ~ '^[ -]') as old,
               string_agg(substr(line, 2), E'\n' order by place) filter (where line ~ '^[ +]') as new
          from herald.text_diff(repeat(E'#\n', 3) || old, repeat(E'#\n', 3) || new) with ordinality l(line, place)) d
     where position(d.old || E'\n' in repeat(E'#\n', 3) || texts.old) = 0 or position(d.new || E'\n' in repeat(E'#\n', 3) || texts.new) = 0$$,
    'what is kept, removed and added are the two texts');
select is((select count(*) from herald.text_diff((select string_agg(i::text, E'\n') from generate_series(1, 9000) i),
                                                 (select string_agg(i::text, E'\n') from generate_series(4001, 13000) i))), 18003::bigint,
          'texts with thousands of edits are replaced');
select is((select count(*) from herald.text_diff((select string_agg(i::text, E'\n') || E'\n' from generate_series(1, 2900) i),
                                                 (select string_agg(i::text, E'\n') || E'\n' from generate_series(1001, 3900) i))), 2008::bigint,
          'with fewer they are not');
select throws_ok($$select herald.text_diff(repeat('x', 4194305), '')$$, '54000', 'a text to compare is longer than 4194304 bytes');

-- versions
select herald.notify_template('t') \g /dev/null
create function pg_temp.changes(a integer default null, b integer default null) returns setof text language sql as $$
    select concat_ws(' ', channel, locale, part, line) from herald.notify_template_diff('t', a, b) $$;
select throws_ok($$select * from herald.notify_template_diff('t')$$, '55000', 'template "t" has no version yet');
select herald.notify_template_part('t', 'sms', 'text', E'Hello\n{{ name }}\n') \g /dev/null
select herald.notify_template_part('t', 'email', 'subject', E'Hi\n') \g /dev/null
select results_eq('select * from pg_temp.changes()', $$values
    ('email  subject --- /dev/null'), ('email  subject +++ t version 1'), ('email  subject @@ -0,0 +1 @@'), ('email  subject +Hi'),
    ('sms  text --- /dev/null'), ('sms  text +++ t version 1'), ('sms  text @@ -0,0 +1,2 @@'), ('sms  text +Hello'), ('sms  text +{{ name }}')$$,
    'before anything is published all of it is new');
select herald.notify_template_part('t', 'email', 'text', 'x') \g /dev/null
select herald.notify_template_publish('t') \g /dev/null
select is_empty('select * from pg_temp.changes()', 'after publishing nothing is');
select herald.notify_template_part('t', 'sms', 'text', E'Hello,\n{{ name }}\n') \g /dev/null
select herald.notify_template_part('t', 'sms', 'text', E'안녕\n', 'ko') \g /dev/null
select herald.notify_template_part('t', 'email', 'text', null) \g /dev/null
select herald.notify_template_variables('t', '{"properties": {"name": {}}}') \g /dev/null
select results_eq('select * from pg_temp.changes()', $$values
    (' variables --- /dev/null'), (' variables +++ t version 2'), (' variables @@ -0,0 +1,6 @@'), (' variables +{'),
    (' variables +    "properties": {'), (' variables +        "name": {'), (' variables +        }'), (' variables +    }'), (' variables +}'),
    (' variables \ No newline at end of file'),
    ('email  text --- t version 1'), ('email  text +++ /dev/null'), ('email  text @@ -1 +0,0 @@'), ('email  text -x'),
    ('email  text \ No newline at end of file'),
    ('sms  text --- t version 1'), ('sms  text +++ t version 2'), ('sms  text @@ -1,2 +1,2 @@'), ('sms  text -Hello'), ('sms  text +Hello,'),
    ('sms  text  {{ name }}'),
    ('sms ko text --- /dev/null'), ('sms ko text +++ t version 2'), ('sms ko text @@ -0,0 +1 @@'), ('sms ko text +안녕')$$,
    'the published version against the draft');
select results_eq('select c from pg_temp.changes(2, 1) c where starts_with(c, ''sms ko'')', $$values
    ('sms ko text --- t version 2'), ('sms ko text +++ /dev/null'), ('sms ko text @@ -1 +0,0 @@'), ('sms ko text -안녕')$$, 'any two versions');
select throws_ok($$select * from herald.notify_template_diff('t', 1, 3)$$, '22023', 'template "t" has no version 3');
select throws_ok($$select * from herald.notify_template_diff('t', 3)$$, '22023', 'template "t" has no version 3');
select throws_ok($$select * from herald.notify_template_diff('x')$$, '22023', 'unknown template "x"');

select * from finish();
rollback;
