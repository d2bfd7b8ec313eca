-- template: a name; its text lives in versions.
create table herald.template (
    name text primary key check (name ~ '^[a-z0-9][a-z0-9_.-]{0,62}$'),
    description text not null default '',
    category text,
    published_version integer,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
comment on table herald.template is 'Named templates; published_version is what notify_send uses';

-- template_version: immutable once published_at is set.
create table herald.template_version (
    template text not null,
    version integer not null check (version > 0),
    comment text not null default '',
    created_by text not null default session_user,
    created_at timestamptz not null default now(),
    published_at timestamptz,
    primary key (template, version)
);
comment on table herald.template_version is 'Versions of templates; immutable once published';

-- template_part: one Liquid source by channel, locale ('' is the default) and part.
create table herald.template_part (
    template text not null,
    version integer not null,
    channel herald.channel not null,
    locale text not null default '' check (locale ~ '^([A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*)?$'),
    part text not null,
    source text not null check (octet_length(source) <= 1048576),
    primary key (template, version, channel, locale, part)
);
comment on table herald.template_part is 'Liquid sources of a template version by channel, locale and part';
