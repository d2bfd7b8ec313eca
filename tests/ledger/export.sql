-- export: what the database says, as files for check.sql. Needs the variable dir.
\set ON_ERROR_STOP on
\set file :dir '/notification.tsv'
copy (select id, idempotency_key from herald.notification) to :'file';
\set file :dir '/delivery.tsv'
copy (select id, notification, state::text, attempts, provider_id from herald.delivery
       union all
      select id, notification, case when epoch is null then 'queued' else 'claimed' end, attempt, null
        from herald.outbox
       union all
      select id, notification, state::text, attempt, null from herald.retry) to :'file';
\set file :dir '/attempt.tsv'
copy (select id, attempt, class::text, applied from herald.attempt) to :'file';
