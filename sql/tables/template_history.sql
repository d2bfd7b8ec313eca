-- template_history: what was changed in templates, when and by whom; rows are only ever added.
create table herald.template_history (
    id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    by text not null default session_user,
    template text,
    version integer,
    action text not null,
    detail jsonb not null default '{}'
);
create index template_history_template_idx on herald.template_history (template, id);
comment on table herald.template_history is
    'Every change of templates and of who may change them; rows cannot be changed or deleted';
