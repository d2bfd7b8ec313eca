# Leases: a dispatcher that is killed loses its claims after the grace, one that hangs after lease_s,
# and one that reconnects in time keeps them.
use strict;
use warnings;
use Herald::Cluster;
use Herald::Util qw(wait_for);
use IPC::Run qw(start pump finish timeout);
use Test::More;

my $cluster = Herald::Cluster->start_new('lease');
$cluster->sql(q{select herald.notify_setting('lease_s', '3')});
my $put = q{insert into herald.outbox_0 (id, bucket, notification, recipient, channel, priority, template, lane, queued_at, created_at)
    values (herald.new_id(1), 1, herald.new_id(1), 'r', 'sms', 'normal', 't', 0, now(), now())};
my $claimed = 'select coalesce(string_agg(epoch::text, chr(44)), chr(45)) from herald.outbox';

# A session that stays: returns what is needed to go on with it.
sub session
{
    my ($in, $out, $err) = ('', '', '');
    my $handle = start([ 'psql', '-XAtq', '-h', $cluster->host, '-p', $cluster->port, '-d', 'app' ], \$in, \$out, \$err,
        timeout(60));
    my $self = { handle => $handle, in => \$in, out => \$out, err => \$err };
    return $self;
}

sub ask
{
    my ($self, $statement) = @_;
    ${ $self->{out} } = '';
    ${ $self->{in} } .= "$statement;\n\\echo done\n";
    pump $self->{handle} until ${ $self->{out} } =~ /done\n/;
    return ${ $self->{out} } =~ s/done\n//r;
}

my $observer = session();
sub tick_for
{
    my ($seconds) = @_;
    ask($observer, 'call herald.tick(); select pg_sleep(0.25)') for 1 .. $seconds * 4;
}

# Killed
my $killed = session();
my $epoch = ask($killed, q{select herald.dispatcher_start('killed', '1.0')}) + 0;
$cluster->sql($put);
ask($killed, "select count(*) from herald.claim($epoch, 'sms', 1)");
tick_for(1);
is($cluster->sql($claimed), $epoch, 'a living one keeps its claim');
$killed->{handle}->kill_kill;
tick_for(0.5);
is($cluster->sql($claimed), $epoch, 'a killed one keeps it for the grace');
tick_for(3);
is($cluster->sql($claimed), '-', 'then not');
is($cluster->sql('select class, epoch, attempt from herald.attempt'), "lease_lost|$epoch|1", 'the attempt is on record');

# Back in time
my $back = session();
$epoch = ask($back, q{select herald.dispatcher_start('back', '1.0')}) + 0;
ask($back, "select count(*) from herald.claim($epoch, 'sms', 1)");
$back->{handle}->kill_kill;
tick_for(0.5);
my $again = session();
is(ask($again, "select herald.dispatcher_join($epoch)"), "t\n", 'it joins its epoch again');
for (1 .. 4)
{
    tick_for(1);
    ask($again, 'select 1');
}
is($cluster->sql($claimed), $epoch, 'and keeps its claim');

# Hung: connected, but silent
tick_for(2);
is($cluster->sql($claimed), $epoch, 'silence is suffered for a while');
tick_for(7);
is($cluster->sql($claimed), '-', 'but not for long');
is($cluster->sql(qq{select count(*) from pg_locks where locktype = 'advisory' and objid = $epoch}), '0', 'its sessions are ended');
like(${ $observer->{err} }, qr/dispatcher with epoch $epoch has been silent for 3 s/, 'with a warning');
is($cluster->sql("select herald.dispatcher_join($epoch)"), 'f', 'it cannot come back');

$_->{handle}->kill_kill for $again, $observer;
$cluster->stop;
done_testing();
