-- template: a name; its text lives in versions.
create table herald.template (
    name text primary key check (name ~ '^[a-z0-9][a-z0-9_.-]{0,62}$'),
    description text not null default '',
    category text,
    published_version integer,
    tags text[] not null default '{}' check (cardinality(tags) <= 32),
    mode text not null default 'strict' check (mode in ('strict', 'lax')),
    search tsvector,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
comment on table herald.template is 'Named templates; published_version is what notify_send uses';
create index template_search_idx on herald.template using gin (search);

-- template_version: immutable once published_at is set. Authors are session_user: inside the functions,
-- which run with the rights of their owner, current_user is always that owner.
create table herald.template_version (
    template text not null,
    version integer not null check (version > 0),
    comment text not null default '',
    created_by text not null default session_user,
    created_at timestamptz not null default now(),
    published_at timestamptz,
    published_by text,
    variables jsonb not null default '{}',
    mode text check (mode in ('strict', 'lax')),
    tracking_url text,
    object_base_url text,
    primary key (template, version)
);
comment on table herald.template_version is 'Versions of templates; immutable once published, mode, tracking_url and object_base_url are those of that moment';

-- template_part: one Liquid source by channel, locale ('' is the default) and part. What channel
-- "shared" holds is not sent: other templates use it by the template's name.
create table herald.template_part (
    template text not null,
    version integer not null,
    channel text not null check (channel = 'shared' or channel::herald.channel is not null),
    locale text not null default '' check (locale ~ '^([A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*)?$'),
    part text not null,
    source text not null check (octet_length(source) <= 1048576),
    uses text[] not null default '{}',
    primary key (template, version, channel, locale, part)
);
create index template_part_uses on herald.template_part using gin (uses);
comment on table herald.template_part is
    'Liquid sources of a template version by channel, locale and part; uses names what they render or include';

-- template_use: the versions of shared templates that a published version was made with, those that they
-- use in turn included.
create table herald.template_use (
    template text not null,
    version integer not null,
    used text not null,
    used_version integer not null,
    primary key (template, version, used)
);
create index template_use_used on herald.template_use (used);
comment on table herald.template_use is
    'Versions of shared templates that a published version of a template keeps to';
