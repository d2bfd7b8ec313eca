-- template_sample: data to try a template with, and what it rendered to when somebody accepted that.
-- golden: {"CHANNEL": {"PART": "content"}}, null until accepted
create table herald.template_sample (
    template text not null,
    sample text not null check (sample ~ '^[a-z0-9][a-z0-9_.-]{0,62}$'),
    locale text not null default '',
    data jsonb not null,
    golden jsonb,
    updated_at timestamptz not null default now(),
    primary key (template, sample)
);
comment on table herald.template_sample is 'Sample data of templates with their accepted renderings';
