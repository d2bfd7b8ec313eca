-- template_versions: the versions of the templates that the reader may read.
create view herald.template_versions with (security_barrier) as
    select v.template, v.version,
           case when v.published_at is null then 'draft'
                when v.version = t.published_version then 'current'
                else 'published' end as state,
           v.comment, v.created_by, v.created_at, v.published_by, v.published_at
      from herald.template_version v
      join herald.template t on t.name = v.template
     where herald.has_template_privilege(t.name);
comment on view herald.template_versions is
    'Versions of templates: draft, published, or current, which sends use';
