-- First start of the database container: the extensions, the clock, a login for the dispatchers.
create extension pg_cron;
create extension pg_herald;
select herald.arm();
select herald.schedule_tick();
\set password `cat /run/secrets/dispatcher_password`
create role dispatcher login password :'password' in role herald_dispatcher;
