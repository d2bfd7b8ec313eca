# F23: senders work through PgBouncer in transaction mode; a dispatcher needs a session and says so.
use strict;
use warnings;
use Herald::Dispatcher;
use Herald::Fixture qw(add_template start_all start_dispatcher wait_final);
use Herald::Process;
use Herald::Util qw(free_port wait_for);
use Test::More;

my ($cluster, $sandbox) = start_all('pool');
$cluster->sql('create role shop login in role herald_sender');
add_template($cluster, 't', undef, 'sms/text' => '{{ n }}');
$cluster->sql(q{select herald.notify_recipient('r', phone => '+15005550010')});

my $port = free_port();
my $ini = "$ENV{TESTDIR}/pgbouncer.ini";
open my $file, '>', $ini or die "$ini: $!";
print $file <<"END";
[databases]
app = host=@{[ $cluster->host ]} port=@{[ $cluster->port ]} dbname=app
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $port
unix_socket_dir =
auth_type = any
auth_file = $ENV{TESTDIR}/users
pool_mode = transaction
default_pool_size = 3
server_reset_query =
END
close $file;
$ENV{PATH} .= ':/usr/sbin';
open $file, '>', "$ENV{TESTDIR}/users" or die;
print $file qq{"shop" ""\n"dispatcher" ""\n};
close $file;
sub through_pool
{
    my ($user) = @_;
    return "host=127.0.0.1 port=$port dbname=app user=$user";
}
# auth_type any logs in as the user of the database line, so each user gets one of its own.
my $text = do { open my $in, '<', $ini or die; local $/ = undef; <$in> };
$text =~ s/^(app = .*)$/$1 user=shop\nadmin = host=@{[ $cluster->host ]} port=@{[ $cluster->port ]} dbname=app user=dispatcher/m;
open $file, '>', $ini or die;
print $file $text;
close $file;
my $pool = Herald::Process->start('pgbouncer', [ 'pgbouncer', $ini ]);
wait_for('the pool', sub { system("psql -Xqc 'select 1' '" . through_pool('shop') . "' >/dev/null 2>&1") == 0 });

for my $n (1 .. 20)
{
    my $send = "select herald.notify_send('t', 'r', '{\"n\": $n}')";
    system('psql', '-Xqo', '/dev/null', '-c', $send, through_pool('shop')) == 0 or die 'psql';
}
my $refused = Herald::Dispatcher->start($cluster, name => 'refused', notify => 0,
    args => [ '--conninfo', "host=127.0.0.1 port=$port dbname=admin user=dispatcher" ]);
$refused->wait_for_log(qr/session/);
like($refused->log, qr/transaction/, 'a dispatcher behind the pool says what it needs');
is($cluster->sql('select count(*) from herald.outbox where epoch is not null'), 0, 'and claims nothing');
$refused->signal('KILL');

my $dispatcher = start_dispatcher($cluster, $sandbox);
wait_final($cluster);
is($cluster->sql(q{select string_agg(distinct concat_ws(' ', state, code, reason), ', ') || ' ' || count(*)
    from herald.delivery}), 'sent 20', 'what was sent through the pool is delivered');
done_testing();
