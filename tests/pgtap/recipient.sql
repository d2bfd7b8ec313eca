-- recipient: notify_recipient, notify_recipient_remove and the checks of their arguments.
begin;
select * from no_plan();

select lives_ok($$select herald.notify_recipient('r1')$$, 'an id is enough');
select results_eq(
    $$select id, bucket = herald.bucket('r1'), email, phone, locale, timezone, region, attributes
        from herald.recipient$$,
    $$values ('r1', true, null::text, null::text, null::text, null::text, null::text, '{}'::jsonb)$$,
    'everything else is empty');
select herald.notify_recipient('r1', 'Kim.B+x@Example.ORG', '+1 (500) 555-00.06', 'pt-BR', 'europe/berlin',
                               'us-ca', '{"name": "Kim"}') \g /dev/null
select results_eq(
    $$select email, phone, locale, timezone, region, attributes from herald.recipient$$,
    $$values ('Kim.B+x@example.org', '+15005550006', 'pt-BR', 'Europe/Berlin', 'US-CA',
              '{"name": "Kim"}'::jsonb)$$,
    'the second call replaces every field, normalised');
select herald.notify_recipient('r1', email => 'a@b.c') \g /dev/null
select is(phone, null, 'what a call leaves out is forgotten') from herald.recipient;

-- ids
select throws_ok($$select herald.notify_recipient(null)$$, '22004', 'id must not be null');
select throws_ok($$select herald.notify_recipient('')$$, '22023', 'id must not be empty');
select throws_ok($$select herald.notify_recipient(E'a\nb')$$, '22023', 'id contains control characters');
select lives_ok($$select herald.notify_recipient(repeat('x', n)) from unnest(array[1, 254, 255]) n$$,
                'ids of 1, 254 and 255 bytes');
select throws_ok($$select herald.notify_recipient(repeat('x', 256))$$, '54000', 'id is longer than 255 bytes');
select throws_ok($$select herald.notify_recipient(repeat('x', 100000000))$$, '54000',
                 'id is longer than 255 bytes', '100 MB of id');
select lives_ok($$select herald.notify_recipient('用户-🎉')$$, 'ids of any script');

-- e-mail
select is(herald.check_email(given), wanted, given)
  from (values ('a@b.c', 'a@b.c'), ('A@B.C', 'A@b.c'), ('o''brien+tag@x-y.example', 'o''brien+tag@x-y.example'),
               (repeat('l', 64) || '@example.org', repeat('l', 64) || '@example.org'),
               ('a@xn--mnchen-3ya.de', 'a@xn--mnchen-3ya.de'),
               ('a@' || repeat('d', 63) || '.org', 'a@' || repeat('d', 63) || '.org')) v(given, wanted);
select is(octet_length(herald.check_email(rpad('a@', 250, repeat('d', 60) || '.') || '.org')), 254,
          'an address of 254 bytes');
select throws_ok($$select herald.check_email(rpad('a@', 251, repeat('d', 60) || '.') || '.org')$$, '22023',
                 'email is longer than 254 bytes');
select throws_ok(format('select herald.check_email(%L)', given), '22023', 'email is not a valid address', given)
  from unnest(array['', 'a', 'a@b', '@b.c', 'a@', 'a@b.c.', 'a@.b.c', 'a@b..c', 'a..b@c.d', '.a@c.d', 'a.@c.d',
      '"q q"@x.y', 'a@[127.0.0.1]', 'a@127.0.0.1', 'a@münchen.de', '用户@例子.广告', E'a@b.c\r\nRCPT TO:<z@q>',
      'a@b.c>', '<a@b.c', 'a@b.c,z@q.r', 'a@b.c;z', 'Name <a@b.c>', 'a@b.c ', ' a@b.c', E'a@b.c\t', E'a@b.c\n',
      'a@b@c.d', 'a@-b.c', 'a@b-.c', 'a@b.c-', 'a@b_c.d', E'a\x7f@b.c', 'a(b)@c.d', 'a:b@c.d',
      repeat('l', 65) || '@example.org', 'a@' || repeat('d', 64) || '.org']) given;
select throws_ok($$select herald.notify_recipient('r1', email => 'a@b')$$, '22023', 'email is not a valid address');

-- phone
select is(herald.check_phone(given), wanted, given)
  from (values ('+15005550006', '+15005550006'), ('+1 (500) 555-0006', '+15005550006'),
               ('+44.7700.900123', '+447700900123'), ('+1234567', '+1234567'),
               ('+123456789012345', '+123456789012345')) v(given, wanted);
select throws_ok(format('select herald.check_phone(%L)', given), '22023', 'phone is not an E.164 number', given)
  from unnest(array['', '15005550006', '0015005550006', '+0', '+05005550006', 'tel:+15005550006', '+123456',
      '+1234567890123456', '+١٥٠٠٥٥٥٠٠٠٦', '+1500555ABCD', '++15005550006', E'+15005550006\n', '+1/500']) given;
select throws_ok($$select herald.check_phone(repeat('1', 65))$$, '22023', 'phone is longer than 64 bytes');

-- locale, timezone, region
select throws_ok(format('select herald.notify_recipient(%L, locale => %L)', 'r1', given), '22023',
                 'locale is not a language tag', given)
  from unnest(array['x', 'e1', '../../etc', 'en_US', 'en-', 'en-x', 'en-123456789', 'english', ' en',
                    'en' || repeat('-abcdefg', 4) || '-a', repeat('a', 1048576)]) given;
select lives_ok($$select herald.notify_recipient('r1', locale => 'xx-YY-zzzz')$$, 'unknown but well-formed locales');
select is(herald.check_timezone(given), wanted, given)
  from (values ('UTC', 'UTC'), ('utc', 'UTC'), ('Asia/Seoul', 'Asia/Seoul'), ('america/argentina/ushuaia',
               'America/Argentina/Ushuaia'), ('Etc/GMT+12', 'Etc/GMT+12'), ('EST5EDT', 'EST5EDT')) v(given, wanted);
select throws_ok(format('select herald.check_timezone(%L)', given), '22023',
                 'timezone is not the name of a time zone', given)
  from unnest(array['', 'Mars/Phobos', 'X+3', 'UTC+3', 'Foo/Bar3', 'Etc/GMT+13', '<x>3', '../../etc/passwd',
                    E'UTC\n', repeat('A', 64), repeat('A', 65), repeat('ü', 40)]) given;
select throws_ok(format('select herald.notify_recipient(%L, region => %L)', 'r1', given), '22023',
                 'region is not an ISO 3166 code', given)
  from unnest(array['', 'D', 'DEU', 'D1', 'DE-', 'DE-BYYY', E'DE\n']) given;

-- attributes
select throws_ok($$select herald.notify_recipient('r1', attributes => null)$$, '22004', 'attributes must not be null');
select throws_ok(format('select herald.notify_recipient(%L, attributes => %L)', 'r1', given), '22023',
                 'attributes must be an object', given)
  from unnest(array['null', '[]', '"x"', '1', 'true']) given;
select lives_ok(format('select herald.notify_recipient(%L, attributes => %L)', 'r1',
                       jsonb_build_object('a', repeat('x', size - 9))), size || ' bytes of attributes')
  from unnest(array[65535, 65536]) size;
select throws_ok(format('select herald.notify_recipient(%L, attributes => %L)', 'r1',
                        jsonb_build_object('a', repeat('x', 65537 - 9))), '54000',
                 'attributes is larger than 65536 bytes');

-- removal
select herald.notify_device('r1', 'ios', 'apns', '00ff') \g /dev/null
select herald.notify_device('r1', 'ios', 'apns', '00fe') \g /dev/null
select herald.notify_recipient('r2') \g /dev/null
select herald.notify_device('r2', 'ios', 'apns', '00fd') \g /dev/null
select is(herald.notify_recipient_remove('r1'), true, 'a recipient is removed');
select is(herald.notify_recipient_remove('r1'), false, 'once');
select results_eq($$select recipient from herald.device_token$$, $$values ('r2')$$, 'with its tokens');
select results_eq($$select recipient from herald.device$$, $$values ('r2')$$, 'and its devices');
select throws_ok($$select herald.notify_recipient_remove(null)$$, '22004', 'id must not be null');

select * from finish();
rollback;
