-- What an operator sets up once: accounts at six providers, a category, templates, recipients, devices.
-- psql variables: endpoint (https://localhost:PORT), smtp_port (on localhost), dir (the sandbox's folder).
\set ON_ERROR_STOP on
\set QUIET on
set client_min_messages = warning;

select format('%s/ca.pem', :'dir') as ca \gset

select herald.notify_provider('apple', 'apns', 'push',
    settings => jsonb_build_object('endpoint', :'endpoint', 'ca_file', :'ca', 'key_id', 'SANDBOXKEY',
                                   'team_id', 'SANDBOXTEA', 'topic', 'org.example.app'),
    secrets => jsonb_build_object('private_key', format('file:%s/apns.p8', :'dir')));

select herald.notify_provider('firebase', 'fcm', 'push',
    settings => jsonb_build_object('endpoint', :'endpoint', 'ca_file', :'ca', 'project_id', 'sandbox',
                                   'client_email', :'fcm_email', 'token_uri', :'endpoint' || '/token'),
    secrets => jsonb_build_object('private_key', format('file:%s/fcm_key.pem', :'dir')));

select herald.notify_provider('twilio', 'twilio', 'sms',
    settings => jsonb_build_object('endpoint', :'endpoint', 'ca_file', :'ca',
                                   'account_sid', 'AC00000000000000000000000000000000',
                                   'from', '+15005550006'),
    secrets => '{"auth_token": "env:TWILIO_AUTH_TOKEN"}');

-- Two accounts for mail: Germans get it from the relay first, others by the accounts' ranks.
select herald.notify_provider('sendgrid', 'sendgrid', 'email',
    settings => jsonb_build_object('endpoint', :'endpoint', 'ca_file', :'ca',
                                   'from', 'shop@example.org', 'from_name', 'Example Shop'),
    secrets => '{"api_key": "env:SENDGRID_API_KEY"}');
select herald.notify_provider('relay', 'smtp', 'email',
    settings => jsonb_build_object('host', 'localhost', 'port', :'smtp_port', 'ca_file', :'ca',
                                   'username', 'herald',
                                   'from', 'shop@example.org', 'from_name', 'Example Shop'),
    secrets => '{"password": "env:SMTP_PASSWORD"}', rank => 200);
select herald.notify_route('german-mail', 'email', '{relay,sendgrid}', '{"country": "DE"}');

select herald.notify_provider('partners', 'webhook', 'webhook',
    settings => jsonb_build_object('ca_file', :'ca', 'allow_addresses', '127.0.0.0/8,::1/128'),
    secrets => '{"secret": "env:WEBHOOK_SECRET"}');

select herald.notify_category('orders', 'News about your orders');
select herald.notify_category('security', 'Login codes', mandatory => true,
                              policy => 'at_most_once', max_age => '10 minutes');

-- order_shipped: a push, a text message, a mail and a webhook from one set of data.
select herald.notify_template('order_shipped', 'An order left the warehouse', 'orders');
select herald.notify_template_part('order_shipped', 'push', 'title', 'Order {{ order_no }} is on its way');
select herald.notify_template_part('order_shipped', 'push', 'body',
    '{{ recipient.name | default: "Hello" }}, {{ items | size }} item{% if items.size != 1 %}s{% endif %} left our warehouse.');
select herald.notify_template_part('order_shipped', 'push', 'data', '{"order_no": {{ order_no | append: "" | json }}}');
select herald.notify_template_part('order_shipped', 'sms', 'text',
    'Order {{ order_no }} shipped: {{ items | join: ", " | truncate: 60 }}');
select herald.notify_template_part('order_shipped', 'email', 'subject', 'Order {{ order_no }} is on its way');
select herald.notify_template_part('order_shipped', 'email', 'subject', 'Bestellung {{ order_no }} ist unterwegs', 'de');
select herald.notify_template_part('order_shipped', 'email', 'text',
    E'Hello {{ recipient.name }},\n\nwe shipped:\n{% for item in items %}- {{ item }}\n{% endfor %}\nTotal: {{ total }}\n');
select herald.notify_template_part('order_shipped', 'email', 'html',
    '<h1>On its way</h1><p>Hello {{ recipient.name }},</p><ul>{% for item in items %}<li>{{ item }}</li>{% endfor %}</ul><p>Total: <b>{{ total }}</b></p>');
select herald.notify_template_part('order_shipped', 'email', 'unsubscribe_url',
    'https://shop.example.org/u/{{ recipient.id }}');
select herald.notify_template_part('order_shipped', 'webhook', 'body',
    '{"order_no": {{ order_no }}, "customer": {{ recipient.id | json }}, "items": {{ items | json }}}');
select herald.notify_template_publish('order_shipped');

select herald.notify_template('login_code', 'A code to sign in', 'security');
select herald.notify_template_part('login_code', 'sms', 'text', '{{ code }} is your Example Shop code.');
select herald.notify_template_publish('login_code');

select herald.notify_template('review_reminder', 'Asks for a review some time after an order', 'orders');
select herald.notify_template_part('review_reminder', 'push', 'title', 'How was order {{ order_no }}?');
select herald.notify_template_part('review_reminder', 'push', 'body', 'Tell others what you think.');
select herald.notify_template_publish('review_reminder');

-- Ann has an iPhone and an Android tablet, Ben reads mail and text messages in German, Caro is a partner shop.
select herald.notify_recipient('ann', email => 'ann@example.org', phone => '+15005550010',
                               attributes => '{"name": "Ann"}');
select herald.notify_device('ann', 'ios', 'apns', '0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9',
                            app => 'org.example.app');
select herald.notify_device('ann', 'android', 'fcm', 'ann-tablet:APA91b-0123456789', app => 'org.example.app');
select herald.notify_recipient('ben', email => 'ben@example.org', phone => '+15005550011', locale => 'de-DE',
                               timezone => 'Europe/Berlin', attributes => '{"name": "Ben <b>"}');
select herald.notify_recipient('caro', email => 'caro@example.org', attributes => '{"name": "Caro"}');
select herald.notify_device('caro', 'webhook', 'webhook', :'endpoint' || '/hooks/caro');
-- Dora's number does not exist; Emil's tablet is reached at the third try.
select herald.notify_recipient('dora', phone => '+15005550001');
select herald.notify_recipient('emil');
select herald.notify_device('emil', 'android', 'fcm', 'emil-tablet:fault-503x2', app => 'org.example.app');
