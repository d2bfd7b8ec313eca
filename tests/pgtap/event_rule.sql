-- event_rule: every word and code of the providers, recorded once, and what it comes to.
begin;
select * from no_plan();

-- class '-': no failure; * beside a class: the address is not used again, ~ the category is opted out of.
create temp table wanted (kind text, channel text, receipt text, class text, words text[]);
insert into wanted values
 ('smtp', 'email', 'none', '-', '{accepted,processed,deferred,open,click,delayed}'), ('smtp', 'email', 'carrier', '-', '{carrier}'),
 ('smtp', 'email', 'delivered', '-', '{delivered}'), ('smtp', 'email', 'read', '-', '{read}'),
 ('smtp', 'email', 'undelivered', 'retry', '{undelivered,soft_bounce,bounce,bounce:5.2.1,bounce:5.2.2,bounce:4.2.2}'),
 ('smtp', 'email', 'undelivered', 'token_invalid*', '{bounce:5.1.1,bounce:5.1.2,bounce:5.1.3,bounce:5.1.6,bounce:5.1.10,unregistered}'),
 ('smtp', 'email', 'undelivered', 'content', '{bounce:5.2.3,bounce:5.3.4,bounce:5.6.0,bounce:5.6.1,bounce:5.6.2,bounce:5.6.3,bounce:5.7.1}'),
 ('smtp', 'email', 'undelivered', 'config', '{bounce:5.1.7,bounce:5.1.8,bounce:5.7.8,bounce:5.7.9}'),
 ('smtp', 'email', 'none', 'suppressed*', '{complaint,stop}'), ('smtp', 'email', 'none', 'suppressed~', '{unsubscribe}'),
 ('smtp', 'email', 'none', '-', '{resubscribe}'),
 ('twilio', 'sms', 'none', '-', '{accepted,scheduled,queued,sending}'), ('twilio', 'sms', 'carrier', '-', '{sent,partially_delivered}'),
 ('twilio', 'sms', 'delivered', '-', '{delivered}'), ('twilio', 'sms', 'read', '-', '{read}'),
 ('twilio', 'sms', 'undelivered', 'retry', '{canceled,undelivered,failed,undelivered:99999,failed:99999}'),
 ('twilio', 'sms', 'undelivered', 'retry', '{undelivered:30003,undelivered:30008,undelivered:30017,undelivered:30020,undelivered:30021,undelivered:30410}'),
 ('twilio', 'sms', 'undelivered', 'retry', '{failed:30003,failed:30008,failed:30017,failed:30020,failed:30021,failed:30410}'),
 ('twilio', 'sms', 'undelivered', 'throttle', '{undelivered:30001,undelivered:30022,undelivered:30023,undelivered:30027}'),
 ('twilio', 'sms', 'undelivered', 'throttle', '{failed:30001,failed:30022,failed:30023,failed:30027}'),
 ('twilio', 'sms', 'undelivered', 'token_invalid*', '{undelivered:30005,undelivered:30006,undelivered:21211,undelivered:21214,undelivered:21217,undelivered:21401,undelivered:21614}'),
 ('twilio', 'sms', 'undelivered', 'token_invalid*', '{failed:30005,failed:30006,failed:21211,failed:21214,failed:21217,failed:21401,failed:21614}'),
 ('twilio', 'sms', 'undelivered', 'suppressed*', '{undelivered:30004,undelivered:30450,undelivered:63014,undelivered:21610,failed:30004,failed:30450,failed:63014,failed:21610}'),
 ('twilio', 'sms', 'undelivered', 'content', '{undelivered:30007,undelivered:30011,undelivered:30019,undelivered:30400,failed:30007,failed:30011,failed:30019,failed:30400}'),
 ('twilio', 'sms', 'undelivered', 'config', '{undelivered:30002,undelivered:30010,undelivered:30018,undelivered:30024,undelivered:30032,undelivered:30033,undelivered:30034,undelivered:30035}'),
 ('twilio', 'sms', 'undelivered', 'config', '{failed:30002,failed:30010,failed:30018,failed:30024,failed:30032,failed:30033,failed:30034,failed:30035}'),
 ('twilio_voice', 'voice', 'none', '-', '{queued,initiated,ringing}'), ('twilio_voice', 'voice', 'carrier', '-', '{in-progress,answered}'),
 ('twilio_voice', 'voice', 'delivered', '-', '{completed}'), ('twilio_voice', 'voice', 'undelivered', 'retry', '{busy,no-answer,canceled,failed,failed:1}'),
 ('twilio_voice', 'voice', 'undelivered', 'token_invalid*', '{failed:13224,failed:21202,failed:21214,failed:21217}'),
 ('twilio_voice', 'voice', 'undelivered', 'suppressed*', '{failed:13225,failed:21216}'),
 ('twilio_voice', 'voice', 'undelivered', 'config', '{failed:13227,failed:21203,failed:21210,failed:21215,failed:21219}'),
 ('vonage', 'sms', 'carrier', '-', '{accepted,buffered}'), ('vonage', 'sms', 'delivered', '-', '{delivered,delivered:0}'), ('vonage', 'sms', 'none', '-', '{unknown,unknown:1}'),
 ('vonage', 'sms', 'undelivered', 'retry', '{expired,expired:1,expired:2,expired:7,expired:8,expired:12,expired:15,expired:99}'),
 ('vonage', 'sms', 'undelivered', 'retry', '{failed,failed:1,failed:2,failed:7,failed:8,failed:12,failed:15,failed:99}'),
 ('vonage', 'sms', 'undelivered', 'retry', '{rejected,rejected:1,rejected:2,rejected:7,rejected:8,rejected:12,rejected:15,rejected:99}'),
 ('vonage', 'sms', 'undelivered', 'token_invalid*', '{expired:3,expired:5,expired:11,failed:3,failed:5,failed:11,rejected:3,rejected:5,rejected:11}'),
 ('vonage', 'sms', 'undelivered', 'suppressed*', '{expired:4,expired:9,expired:13,failed:4,failed:9,failed:13,rejected:4,rejected:9,rejected:13}'),
 ('vonage', 'sms', 'undelivered', 'content', '{expired:6,expired:10,expired:14,expired:50,expired:51,expired:52,expired:53,expired:54}'),
 ('vonage', 'sms', 'undelivered', 'content', '{failed:6,failed:10,failed:14,failed:50,failed:51,failed:52,failed:53,failed:54}'),
 ('vonage', 'sms', 'undelivered', 'content', '{rejected:6,rejected:10,rejected:14,rejected:50,rejected:51,rejected:52,rejected:53,rejected:54}'),
 ('sendgrid', 'email', 'none', '-', '{processed,deferred,open,click,group_resubscribe}'), ('sendgrid', 'email', 'delivered', '-', '{delivered}'),
 ('sendgrid', 'email', 'undelivered', 'token_invalid*', '{bounce,bounce:bounce,"dropped:Bounced Address",dropped:Invalid}'),
 ('sendgrid', 'email', 'undelivered', 'retry', '{bounce:blocked,dropped,dropped:other}'),
 ('sendgrid', 'email', 'undelivered', 'suppressed*', '{"dropped:Unsubscribed Address","dropped:Spam Reporting Address"}'),
 ('sendgrid', 'email', 'undelivered', 'content', '{"dropped:Spam Content","dropped:Invalid SMTPAPI header"}'),
 ('sendgrid', 'email', 'undelivered', 'config', '{"dropped:Recipient List over Package Quota"}'),
 ('sendgrid', 'email', 'none', 'suppressed*', '{spamreport,unsubscribe}'), ('sendgrid', 'email', 'none', 'suppressed~', '{group_unsubscribe}'),
 ('mandrill', 'email', 'none', '-', '{send,deferral,open,click}'), ('mandrill', 'email', 'delivered', '-', '{delivered}'),
 ('mandrill', 'email', 'undelivered', 'token_invalid*', '{hard_bounce,reject:hard-bounce,reject:invalid}'),
 ('mandrill', 'email', 'undelivered', 'retry', '{soft_bounce,reject,reject:soft-bounce}'), ('mandrill', 'email', 'none', 'suppressed*', '{spam,unsub}'),
 ('mandrill', 'email', 'undelivered', 'suppressed*', '{reject:spam,reject:unsub,reject:custom}'),
 ('mandrill', 'email', 'undelivered', 'config', '{reject:invalid-sender,reject:unsigned,reject:test-mode-limit,reject:rule}'),
 ('ses', 'email', 'none', '-', '{Send,Open,Click,DeliveryDelay}'), ('ses', 'email', 'delivered', '-', '{Delivery}'),
 ('ses', 'email', 'undelivered', 'token_invalid*', '{Bounce:Permanent,Bounce:Permanent/General,Bounce:Permanent/NoEmail,Bounce:Permanent/Other}'),
 ('ses', 'email', 'undelivered', 'suppressed*', '{Bounce:Permanent/Suppressed,Bounce:Permanent/OnAccountSuppressionList}'),
 ('ses', 'email', 'undelivered', 'retry', '{Bounce,Bounce:Transient,Bounce:Transient/MailboxFull,Bounce:Undetermined}'),
 ('ses', 'email', 'none', 'suppressed*', '{Complaint}'), ('ses', 'email', 'none', 'suppressed~', '{Subscription}'),
 ('ses', 'email', 'undelivered', 'content', '{Reject,"Rendering Failure"}'),
 ('vonage_messages', 'sms', 'carrier', '-', '{submitted}'), ('vonage_messages', 'sms', 'delivered', '-', '{delivered}'), ('vonage_messages', 'sms', 'read', '-', '{read}');
insert into wanted
select 'vonage_messages', 'sms', v.receipt, v.class, array(select e || ':' || c from unnest(codes) c)
  from (values ('undelivered', 'throttle', '{1000,1241}'::int[]), ('undelivered', 'retry', '{1,1030,1100,1180,1220,1230,1330,1331}'),
               ('undelivered', 'token_invalid*', '{1170,1190,1250,1300}'), ('undelivered', 'suppressed*', '{1050,1240}'), ('none', '-', '{1320}'),
               ('undelivered', 'content', '{1010,1020,1021,1022,1040,1090,1130,1150,1200,1210,1260,1270,1280,1290,1310,1340,1350,1360,1370,1380,1381,1382}'),
               ('undelivered', 'config', '{1060,1070,1080,1120,1140,1160}')) v (receipt, class, codes), unnest(array['rejected', 'undeliverable']) e;
insert into wanted select 'vonage_messages', 'sms', 'undelivered', 'retry', '{rejected,undeliverable}';

-- Each word and code by itself: a recipient, a delivery, an event.
create temp table told as
select row_number() over () as n, w.kind, w.channel, w.receipt, w.class, split_part(x, ':', 1) as event, nullif(substr(x, length(split_part(x, ':', 1)) + 2), '') as code
  from wanted w, unnest(w.words) x;
insert into herald.provider (name, kind, channel) select distinct kind, kind, channel::herald.channel from told;
insert into herald.category (name) values ('c');
create temp table made as select t.*, 'r' || n as who, herald.bucket('r' || n) as bucket, herald.new_id(herald.bucket('r' || n)) as id from told t;
insert into herald.delivery (id, bucket, notification, recipient, channel, priority, category, template, state, provider, attempts, created_at, finished_at)
select id, bucket, id, who, channel::herald.channel, 'high', 'c', 't', 'sent', kind, 1, now(), now() from made;
insert into herald.attempt (id, bucket, attempt, epoch, class, provider, finished_at) select id, bucket, 1, 1, 'accepted', kind, now() from made;
select is(count(*) filter (where r.status = 'recorded'), count(*), 'each is recorded')
  from (select jsonb_agg(jsonb_strip_nulls(jsonb_build_object('provider', kind, 'delivery', id, 'id', n::text, 'event', event, 'code', code, 'address', 'a@b.c'))) as items
          from made) m, herald.event_record(m.items) r;
select is(d.receipt || ' ' || coalesce(e.class::text, '-') || case when s.recipient is not null then '*' when p.enabled = false then '~' else '' end,
          m.receipt || ' ' || m.class, concat_ws(' ', m.kind, m.event, m.code))
  from made m join herald.delivery d on d.id = m.id join herald.event e on e.delivery = m.id
  left join herald.suppression s on s.recipient = m.who left join herald.preference p on p.recipient = m.who
 order by m.n;

select is_empty($$select r.kind, r.event, r.code from herald.event_rule r where r.kind not in ('apns', 'fcm')
    and not exists (select from told t where (r.kind = t.kind or r.kind = '*') and r.event = t.event and r.code = coalesce(t.code, ''))$$,
    'no rule is without a case');

select * from finish();
rollback;
