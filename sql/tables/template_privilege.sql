-- template_privilege: which roles may edit or publish which templates; operators may without.
-- Roles are kept by name, so that rows survive a dump.
create table herald.template_privilege (
    grantee text not null,
    pattern text not null check (pattern ~ '^([a-z0-9][a-z0-9_.-]{0,62})?[*]?$' and pattern <> ''),
    privilege text not null check (privilege in ('edit', 'publish')),
    primary key (grantee, pattern, privilege)
);
comment on table herald.template_privilege is
    'Who may edit or publish templates: of one name, or of all names that begin like a pattern "order_*"';
