# Rows by the million, written straight into the tables as if they had been sent before.
package Bench::History;

use strict;
use warnings;
use Bench::Server qw(query query_all);
use Exporter 'import';

our @EXPORT_OK = qw(add_delivered add_waiting);

use constant CHUNK => 250_000;

# Finished deliveries, each with its notification and one attempt.
sub add_delivered
{
    my ($count) = @_;
    add($count, q{
        with made as materialized (
            select i, r.id as recipient, r.bucket, herald.new_id(r.bucket) as notification,
                   herald.new_id(r.bucket) as id
              from generate_series(low, high) i
              join herald.recipient r on r.id = 'bench-' || i % 1000),
        notified as (
            insert into herald.notification (id, bucket, recipient, template, version, priority, data,
                locale, sender, created_at, deliveries)
            select notification, bucket, recipient, 'bench', 1, 'normal', jsonb_build_object('n', i),
                   'en', 'postgres', now(), array[id]
              from made),
        tried as (
            insert into herald.attempt (id, bucket, attempt, epoch, class, provider, phase, status,
                provider_id, started_at, finished_at, latency_us)
            select id, bucket, 1, 1, 'accepted', 'bench', 'answered', 201, 'SM' || md5(i::text), now(),
                   now(), 1000
              from made)
        insert into herald.delivery (id, bucket, notification, recipient, channel, priority, template,
            state, provider, provider_id, attempts, created_at, finished_at)
        select id, bucket, notification, recipient, 'sms', 'normal', 'bench', 'sent', 'bench',
               'SM' || md5(i::text), 1, now(), now()
          from made;});
    query('vacuum analyze herald.notification, herald.delivery, herald.attempt');
    return;
}

# Deliveries in retry with their notifications, due evenly over the time to come.
sub add_waiting
{
    my ($state, $count, $span, $attempts) = @_;
    my $send_at = $state eq 'scheduled' ? 'due_at' : 'null';
    add($count, qq{
        with made as materialized (
            select i, r.id as recipient, r.bucket, herald.new_id(r.bucket) as notification,
                   herald.new_id(r.bucket) as id,
                   now() + interval '1 minute' + interval '$span' * (i / ${count}::float8) as due_at
              from generate_series(low, high) i
              join herald.recipient r on r.id = 'bench-' || i % 1000),
        notified as (
            insert into herald.notification (id, bucket, recipient, template, version, priority, data,
                locale, sender, send_at, created_at, deliveries)
            select notification, bucket, recipient, 'bench', 1, 'normal', jsonb_build_object('n', i),
                   'en', 'postgres', $send_at, now(), array[id]
              from made)
        insert into herald.retry (id, bucket, notification, recipient, channel, priority, template,
            lane, attempt, failures, state, due_at, created_at)
        select id, bucket, notification, recipient, 'sms', 'normal', 'bench', 0, $attempts, $attempts,
               '$state', due_at, now()
          from made;});
    query('vacuum analyze herald.notification, herald.retry');
    return;
}

# Runs the statement for 0 … count - 1 in chunks from low to high, in two sessions.
sub add
{
    my ($count, $statement) = @_;
    my $half = int(($count + 1) / 2);
    query_all(map {
        my ($from, $to) = @$_;
        qq{do \$\$
            declare
                low bigint := $from;
                high bigint;
            begin
                while low < $to loop
                    high := least(low + @{[CHUNK]}, $to) - 1;
                    $statement
                    commit;
                    low := high + 1;
                end loop;
            end \$\$};
    } ([ 0, $half ], [ $half, $count ]));
    return;
}

1;
