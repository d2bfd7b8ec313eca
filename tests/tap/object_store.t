# Content of objects moves to a store and comes back whole for mails; a store that is down, one that lies, and
# what is removed.
use strict;
use warnings;
use Herald::Fixture qw(add_template start_all start_dispatcher wait_final);
use Herald::Util qw(wait_for);
use JSON::PP;
use Test::More;

my ($cluster, $sandbox) = start_all('object_store');
$cluster->sql(q{delete from herald.provider where name <> 'sendgrid'});
add_template($cluster, 'mail', undef, 'email/subject' => 'Invoice', 'email/text' => 'See below',
    'email/attachments' => '[{"object": "{{ object }}"}]');
$cluster->sql(q{select herald.notify_recipient('ann', email => 'ann@example.org')});

sub configure
{
    my ($bucket, $secret) = @_;
    my $settings = encode_json({ ca_file => $sandbox->dir . '/ca.pem' });
    $cluster->sql("select herald.notify_object_store('" . $sandbox->url . "', 'eu-west-1', '$bucket', 'herald/v1',"
          . " secrets => '{\"access_key_id\": \"env:S3_ACCESS_KEY_ID\", \"secret_access_key\": \"env:$secret\"}',"
          . " settings => '$settings')");
    return;
}

sub store
{
    my ($bytes, $seed) = @_;
    return $cluster->sql("select herald.notify_object(convert_to(rpad('', $bytes, '$seed' || E'\\u00e4\\r\\n.='), 'UTF8'), 'a/b', 'x')");
}

sub hash_of { return $cluster->sql("select encode(sha256, 'hex') from herald.object where id = '$_[0]'") }

sub left { return $cluster->sql('select count(*) from herald.object_content where content is not null') }

sub wait_moved
{
    return wait_for('content to be moved', sub { left() == 0 });
}

# Requests to the store since a count: "PUT 200".
sub at_store
{
    return map { "$_->{method} $_->{status}" } grep { $_->{provider} eq 's3' } $sandbox->requests($_[0]);
}

sub send_mail
{
    my ($object) = @_;
    return $cluster->sql("select herald.notify_send('mail', 'ann', '{\"object\": \"$object\"}')");
}

sub end_of
{
    return $cluster->sql("select concat_ws(' ', state, code, reason) from herald.delivery where notification = '$_[0]'");
}

sub mails { return grep { $_->{provider} eq 'sendgrid' } $sandbox->requests($_[0]) }

# Moved, and read from there: the dispatcher that sends has it in no cache.
my $dispatcher = start_dispatcher($cluster, $sandbox);
my $large = store(3_000_000, 'a');
my $small = store(100, 'b');
is(left(), 2, 'without a store content stays');
configure('objects', 'S3_SECRET_ACCESS_KEY');
wait_moved();
is(join(' ', at_store(0)), 'PUT 200 PUT 200', 'each content is put once');
is_deeply([ sort map { $_->{to} } grep { $_->{provider} eq 's3' } $sandbox->requests(0) ],
    [ sort map { 'herald/v1/' . hash_of($_) } $large, $small ], 'under its hash');
my $before = $sandbox->count;
my $id = send_mail($large);
wait_final($cluster);
is(end_of($id), 'sent', 'sent');
my ($mail) = mails($before);
is($mail->{rendered}{files}[0]{sha256}, hash_of($large), 'the content arrives whole');
is(join(' ', at_store($before)), 'GET 200', 'from the store');
send_mail($large);
wait_final($cluster);
is(join(' ', at_store($before)), 'GET 200', 'and is kept in memory');
is($dispatcher->stop, 0, 'the dispatcher ends cleanly');

# Down: the delivery is tried again.
$dispatcher = start_dispatcher($cluster, $sandbox);
$sandbox->script([ { match => { provider => 's3' }, times => 1, fault => 'status', status => 503 } ]);
$before = $sandbox->count;
$id = send_mail($small);
wait_for('an attempt', sub { $cluster->sql("select count(*) from herald.attempt a join herald.delivery_status d on d.id = a.id where d.notification = '$id'") > 0 });
is($cluster->sql("select a.class || ' ' || a.code || ' ' || a.reason from herald.attempt a join herald.delivery_status d on d.id = a.id
        where d.notification = '$id' order by a.attempt limit 1"),
    'retry objects objects cannot be read: the object store answered 503 SlowDown', 'an attempt that is told');
$cluster->sql('update herald.retry set due_at = now()');
wait_final($cluster);
is(end_of($id), 'sent', 'sent when the store is back');
is(($dispatcher->stop), 0, 'the dispatcher ends cleanly');

# Another content than was put there, of the same length and of others; and none.
for my $case (
    [ { fault => 'status', status => 200, body => 'x' x 101 }, 'damaged_object' ],
    [ { fault => 'status', status => 200, body => 'x' x 5 }, 'damaged_object' ],
    [ { fault => 'status', status => 200, body => 'x' x 5000 }, 'damaged_object' ],
    [ { fault => 'status', status => 404 }, 'unknown_object' ])
{
    my ($fault, $code) = @$case;
    $dispatcher = start_dispatcher($cluster, $sandbox);
    $fault->{body} = 'x' x $cluster->sql("select size from herald.object where id = '$small'") if ($fault->{body} // '') eq 'x' x 101;
    $sandbox->script([ { match => { provider => 's3' }, %$fault } ]);
    $before = $sandbox->count;
    $id = send_mail($small);
    wait_final($cluster);
    like(end_of($id), qr/^failed $code /, "$code: refused");
    is(scalar mails($before), 0, 'before it is sent');
    is($dispatcher->stop, 0, 'the dispatcher ends cleanly');
}
$sandbox->script([]);

# Removed, there too, once the store lets it.
$dispatcher = start_dispatcher($cluster, $sandbox);
$sandbox->script([ { match => { provider => 's3' }, times => 1, fault => 'status', status => 500 } ]);
$before = $sandbox->count;
my $key = hash_of($small);
$cluster->sql("select herald.notify_object_remove('$small')");
wait_for('the first try', sub { at_store($before) == 1 });
is($cluster->sql('select count(*) from herald.object_content where removed'), 1, 'what cannot be deleted stays marked');
wait_for('the report', sub { $cluster->sql(q{select next_at < now() + interval '2 minutes' from herald.object_content where removed}) eq 't' });
$cluster->sql('update herald.object_content set next_at = now() where removed');
wait_for('the content to be deleted', sub { $cluster->sql('select count(*) from herald.object_content') == 1 });
is(join(' ', at_store($before)), 'DELETE 500 DELETE 204', 'deleted in the store');
is((grep { $_->{provider} eq 's3' } $sandbox->requests($before))[1]{to}, "herald/v1/$key", 'this content');

# A store that refuses: nothing is lost, and what was sent from the database goes on.
$before = $sandbox->count;
configure('objects', 'SENDGRID_API_KEY');
wait_for('the new secret', sub { $dispatcher->log =~ /object store is in use.*object store is in use/s });
my $kept = store(200, 'c');
wait_for('a refusal', sub { grep { $_ eq 'PUT 403' } at_store($before) });
$id = send_mail($kept);
wait_final($cluster);
is(end_of($id), 'sent', 'content that cannot be moved is sent from the database');
is(left(), 1, 'and stays there');
like($dispatcher->log, qr/content cannot be moved.*answered 403 SignatureDoesNotMatch/, 'which is told');
unlike($dispatcher->log, qr/\Q${\ { $sandbox->secrets }->{S3_SECRET_ACCESS_KEY} }/, 'without the secret');
is($dispatcher->stop, 0, 'the dispatcher ends cleanly');
done_testing();
