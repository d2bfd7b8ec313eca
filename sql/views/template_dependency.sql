-- template_dependency: which templates use which shared ones, by version; of drafts what they name.
create view herald.template_dependency with (security_barrier = true) as
    select u.template, u.version, t.published_version = u.version as current, u.used, u.used_version,
           u.used_version <> s.published_version as outdated
      from herald.template_use u
      join herald.template t on t.name = u.template
      left join herald.template s on s.name = u.used
    union all
    select distinct p.template, p.version, false, n.used, null::integer, false
      from herald.template_part p
      join herald.template_version v using (template, version)
           cross join lateral unnest(p.uses) n(used)
     where v.published_at is null;
comment on view herald.template_dependency is
    'Which versions of templates use which shared templates, and whether another version of those is current';
