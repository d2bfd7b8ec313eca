-- setting: overrides of the database-wide settings; defaults and ranges: herald.setting_default().
create table herald.setting (
    name text primary key,
    value text not null,
    updated_at timestamptz not null default now()
);
comment on table herald.setting is 'Overrides of database-wide settings, changed through herald.notify_setting()';
