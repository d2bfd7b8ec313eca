-- sms_segments: encoding and parts of text messages; the unit test of extension/sms has more.
begin;
select * from no_plan();

select results_eq(format('select * from herald.sms_segments(%L)', v.text),
                  format('values (%L, %s, %s)', encoding, segments, units), format('%s, %s units', encoding, units))
  from (values
    ('', 'GSM-7', 0, 0), (repeat('A', 160), 'GSM-7', 1, 160), (repeat('A', 161), 'GSM-7', 2, 161),
    (repeat('€', 81), 'GSM-7', 2, 162), (repeat('あ', 71), 'UCS-2', 2, 71), (repeat('😀', 36), 'UCS-2', 2, 72),
    (repeat('A', 70) || '`', 'UCS-2', 2, 71)) v(text, encoding, segments, units);
select is_empty('select * from herald.sms_segments(null)', 'null has no size');
select * from finish();
rollback;
