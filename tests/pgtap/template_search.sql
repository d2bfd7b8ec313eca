-- template_search: finding templates by words.
begin;
select * from no_plan();
create function pg_temp.found(query text) returns text language sql as $$
    select string_agg(name, ' ' order by place) from herald.notify_template_search(query) with ordinality s(name, description, tags, rank, headline, place) $$;
select herald.notify_template(name, description, tags => tags)
  from (values ('order_shipped', 'An order left the warehouse', '{orders,shipping}'::text[]), ('order-paid', '', '{orders}'),
               ('reset.password', 'Somebody forgot a secret', '{security}'), ('welcome', 'Hello', '{}'), ('배송', 'x', '{}')) v(name, description, tags)
 where name ~ '^[a-z]' \g /dev/null
select herald.notify_template_part('welcome', 'sms', 'text', 'An order of {{ count }} «Brötchen» for you') \g /dev/null
select herald.notify_template_part('welcome', 'sms', 'text', E'안녕하세요 고객님\n주문이 왔습니다', 'ko') \g /dev/null
select herald.notify_template_part('order-paid', 'email', 'html', '<p class="warehouse">paid</p>') \g /dev/null

select is(pg_temp.found(query), wanted, query)
  from (values
    ('order', 'order_shipped order-paid welcome'), ('warehouse', 'order_shipped'), ('shipping', 'order_shipped'), ('count', 'welcome'),
    ('ORDER', 'order_shipped order-paid welcome'),
    ('ord', 'order_shipped order-paid welcome'), ('ord ', null), ('"ord"', null), ('ord shipped', null), ('order ship', 'order_shipped'),
    ('order -shipped', 'order-paid welcome'), ('order -ship', 'order-paid order_shipped welcome'), ('shipped or hello', 'order_shipped welcome'),
    ('"left the"', 'order_shipped'), ('"the left"', null),
    ('order_shipped', 'order_shipped'), ('order-paid', 'order-paid'), ('order-p', 'order-paid'), ('reset.password', 'reset.password'),
    ('reset.pass', 'reset.password'), ('password', 'reset.password'), ('secur', 'reset.password'),
    ('brötchen', 'welcome'), ('bröt', 'welcome'), ('고객', 'welcome'), ('주문이', 'welcome'), ('nothing', null),
    ('!', null), ('''', null), ('\', null), ('a''b\', null), (':*', null), ('it''s', null), ('<b>', 'welcome')) v(query, wanted);
select throws_ok('select herald.notify_template_search(' || arguments || ')', state, message, arguments)
  from (values ('null', '22004', 'query must not be null'), ('''''', '22023', 'query must not be empty'),
               ('repeat(''x'', 1001)', '54000', 'query is longer than 1000 bytes')) v(arguments, state, message);
select results_eq($$select description, tags, headline from herald.notify_template_search('order ware')$$,
                  $$values ('An order left the warehouse', '{orders,shipping}'::text[], '**order** left the **warehouse**')$$, 'what was found and where');
select ok(bool_and(rank > 0), 'ranks') from herald.notify_template_search('order');

-- The published version is searched, then what was published before it is not.
select herald.notify_template_publish('welcome') \g /dev/null
select herald.notify_template_part('welcome', 'sms', 'text', 'zebra') \g /dev/null
select is(pg_temp.found('zebra'), null, 'a draft is not found once a version is published');
select herald.notify_template_publish('welcome') \g /dev/null
select is(pg_temp.found('zebra'), 'welcome', 'until it is published itself');
select is(pg_temp.found('brötchen'), null, 'what it replaced is not found');
select herald.notify_template_rollback('welcome', 1) \g /dev/null
select is(pg_temp.found('brötchen'), 'welcome', 'until it comes back');
select herald.notify_template_part('order-paid', 'email', 'html', '<p>giraffe</p>') \g /dev/null
select is(pg_temp.found('giraffe'), 'order-paid', 'without a published version the draft is');
select herald.notify_template_discard('order-paid') \g /dev/null
select is(pg_temp.found('giraffe'), null, 'until it is discarded');
select herald.notify_template('order-paid', 'lion', tags => '{tiger}') \g /dev/null
select is(pg_temp.found('lion tiger'), 'order-paid', 'description and tags follow');

-- large and odd sources
select lives_ok(format('select herald.notify_template_part(''reset.password'', ''email'', ''html'', %L, %L)', source, locale), locale)
  from (values ('', repeat('x', 1000000)), ('de', (select string_agg(i::text, ' ') from generate_series(1, 150000) i)),
               ('ko', repeat('가', 300000)), ('fr', (select string_agg(chr(20000 + i % 20000), ' ') from generate_series(1, 200000) i))) v(locale, source);
select is(pg_temp.found('password'), 'reset.password', 'a large template is still found');

-- Only what the caller may read.
create role herald_test_author login in role herald_author;
select herald.notify_template_grant('herald_test_author', 'order_*', 'edit') \g /dev/null
set local session authorization herald_test_author;
select is((select string_agg(name, ' ') from herald.notify_template_search('order')), 'order_shipped', 'authors find what they may read');
reset session authorization;

-- The index is used, and at most 100 are found.
insert into herald.template (name) select 'many.' || i from generate_series(1, 3000) i;
select herald.template_index(name) from herald.template where name ~ '^many' \g /dev/null
analyze herald.template;
select pg_stat_get_xact_numscans('herald.template_search_idx'::regclass) as before \gset
select is(pg_temp.found('shipped'), 'order_shipped', 'one of many');
select is(pg_stat_get_xact_numscans('herald.template_search_idx'::regclass), :before + 1::bigint, 'by the index');
select is((select count(*) from herald.notify_template_search('many')), 100::bigint, 'at most 100');

select * from finish();
rollback;
