-- channel_parts: the parts a template may have by channel. A group lists parts of which one is required.
-- Channel "shared" is what other templates use.
-- Returns: part by channel, required group (null: optional) · Writes: nothing
-- Called by: notify_template_part, notify_template_publish
create function herald.channel_parts()
returns table (channel text, part text, required text)
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
    values
        ('push', 'title', 'title, body or options'), ('push', 'body', 'title, body or options'),
        ('push', 'options', 'title, body or options'),
        ('push', 'subtitle', null), ('push', 'data', null), ('push', 'badge', null),
        ('push', 'sound', null), ('push', 'image', null), ('push', 'collapse_key', null),
        ('push', 'thread_id', null), ('push', 'android', null), ('push', 'apns', null),
        ('push', 'webpush', null),
        ('sms', 'text', 'text'), ('sms', 'media', null),
        ('email', 'subject', 'subject'), ('email', 'text', 'text or html'),
        ('email', 'html', 'text or html'), ('email', 'reply_to', null),
        ('email', 'unsubscribe_url', null), ('email', 'headers', null),
        ('email', 'attachments', null),
        ('voice', 'text', 'text'),
        ('chat', 'text', 'text'),
        ('webhook', 'body', 'body'),
        ('inapp', 'title', 'title'), ('inapp', 'body', 'body'), ('inapp', 'data', null),
        ('shared', 'body', 'body or translations'), ('shared', 'translations', 'body or translations')
$$;
comment on function herald.channel_parts() is
    'Parts that templates may have by channel, and which of them are required';
