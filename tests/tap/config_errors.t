# Mistakes in the configuration: told with their place, without secrets, and without a loss.
use strict;
use warnings;
use Herald::Fixture qw(add_template start_all start_dispatcher state_of wait_final);
use Herald::Util qw(free_port wait_for);
use IO::Socket::INET;
use PostgreSQL::Test::Utils qw(run_command);
use Test::More;

my ($cluster, $sandbox) = start_all('config_errors');
my $program = "$ENV{HERALD_BIN}/herald-dispatcher";
my %libpq = $cluster->libpq_environment('dispatcher');
my %secrets = $sandbox->secrets;
add_template($cluster, 't', undef, 'sms/text' => '{{ n }}', 'webhook/body' => '{"n": "{{ n }}"}');
$cluster->sql(q{select herald.notify_recipient('r', phone => '+15005550010')});

sub run_program
{
    my (@args) = @_;
    local %ENV = (%ENV, %libpq, %secrets);
    my ($stdout, $stderr) = run_command([ $program, @args ]);
    return ($? >> 8, $stdout, $stderr);
}

# Writes a file of the test's and returns its path.
sub put_file
{
    my ($name, $content, $mode) = @_;
    my $path = "$ENV{TESTDIR}/$name";
    unlink $path;
    open my $file, '>', $path or die "$path: $!";
    print $file $content;
    close $file;
    chmod $mode, $path or die "$path: $!";
    return $path;
}

sub arrived
{
    my ($pattern) = @_;
    return scalar grep { $_->{body} =~ /$pattern\b/ } $sandbox->requests;
}

# Settings files.
{
    my @cases = (
        [ "# comment\n\nname = a\nchannnels = sms\n", qr/:4: .*channnels.*did you mean channels/, 'an unknown name' ],
        [ "name = a\nconcurrency\n", qr/:2: .*name = value/, 'a line without a value' ],
        [ "name = a\nname = b\n", qr/:2: .*name was set before/, 'a name that comes twice' ],
        [ "once = on\n", qr/:1: .*once/, 'a command' ],
        [ "concurrency = many\n", qr/concurrency.*many|:1: .*concurrency/, 'a number that is none' ],
        [ "log-level = loud\n", qr/log-level.*loud/, 'a level that is none' ],
        [ "conninfo = host=x password\n", qr/conninfo/, 'a connection string that is none' ],
        [ "name = \0\n", qr/not a text file/, 'a byte that is no text' ]);
    for my $case (@cases)
    {
        my ($content, $message, $what) = @$case;
        my $path = put_file('settings', $content, 0600);
        my ($code, $out, $err) = run_program('--config', $path, '--check-config');
        is($code, 2, "$what in a settings file is refused");
        like($err, $message, 'with its place or name');
        is(scalar(split /\n/, $err), 1, 'in one line');
    }
    my ($code, $out, $err) = run_program('--config', "$ENV{TESTDIR}/not_there", '--check-config');
    is($code, 2, 'a file that is not there is refused');
    like($err, qr/not_there: No such file/, 'by name');
    ($code) = run_program('--config', put_file('settings', "\r\n# CRLF\r\nlog-level = warn\r\n", 0600), '--check-config');
    is($code, 0, 'lines may end as elsewhere');
}

# Accounts and their secrets.
{
    my $canary = 'CANARY' . 'x' x 26;
    my @cases = (
        [ 0644, $canary, qr/open to other users/, 'a file that everybody can read' ],
        [ 0600, '', qr/empty/, 'an empty file' ],
        [ 0600, "$canary\nX-Header: y", qr/auth_token/, 'a secret of several lines' ]);
    for my $case (@cases)
    {
        my ($mode, $content, $message, $what) = @$case;
        my $path = put_file('token', $content, $mode);
        $cluster->sql("select herald.notify_provider('bad', 'twilio', 'sms', rank => 1,"
              . " settings => (select settings from herald.provider where name = 'twilio'),"
              . " secrets => '{\"auth_token\": \"file:$path\"}')");
        my ($code, $out, $err) = run_program('--check-config');
        is($code, 1, "$what fails the check");
        like($out, qr/^failed: account bad \(twilio\): .*/m, 'for its account');
        like($out, $message, 'with the reason');
        unlike("$out$err", qr/CANARY/, 'and without the secret');
        like($out, qr/^ok: account twilio /m, 'the others are checked as well');
    }
    $cluster->sql(q{select herald.notify_provider_remove('bad')});
    $cluster->sql(q{select herald.notify_provider('odd', 'pigeon', 'sms')});
    my ($code, $out) = run_program('--check-config');
    is($code, 1, 'an unknown kind fails the check');
    like($out, qr/^failed: account odd .*pigeon.*--list-providers/m, 'with where to look');
    $cluster->sql(q{select herald.notify_provider_remove('odd')});
    for my $endpoint ('file:///etc/passwd', 'http://localhost/', 'https://u:p@localhost/', 'ftp://localhost/', "https://a b/")
    {
        my ($failed, undef, $err) = $cluster->try_sql("select herald.notify_provider('x', 'twilio', 'sms',"
              . " settings => '{\"endpoint\": \"$endpoint\"}')");
        ok($failed && $err =~ /endpoint/, "endpoint $endpoint is refused when it is stored");
        unlike($err, qr/u:p/, 'without its password');
    }
    ($code, $out, my $err) = run_program('-d', 'host=localhost password=CANARY dbname=app', '--check-config');
    is($code, 2, 'a password on the command line is refused');
    unlike("$out$err", qr/CANARY/, 'and not repeated');
    $cluster->sql(q{delete from herald.provider where channel <> 'sms' and channel <> 'webhook'});
}

# Wrong credentials pause the account and cost the deliveries nothing; with the right ones they go out.
{
    my $path = put_file('token', "wrong\n", 0600);
    $cluster->sql("update herald.provider set secrets = '{\"auth_token\": \"file:$path\"}' where name = 'twilio'");
    my $dispatcher = start_dispatcher($cluster, $sandbox);
    my @ids = map { $cluster->sql("select herald.notify_send('t', 'r', '{\"n\": \"wrong$_\"}', channels => '{sms}')") } 1 .. 5;
    $dispatcher->wait_for_log(qr/account is paused.*account=twilio cause=config/);
    wait_for('nothing to be under way', sub { $cluster->sql('select count(*) from herald.outbox where epoch is not null') == 0 });
    is($cluster->sql('select coalesce(sum(failures), 0) from herald.delivery_status s left join herald.retry r using (id)'), 0,
        'wrong credentials do not count as failures');
    is($cluster->sql('select count(*) from herald.delivery'), 0, 'nor end a delivery');
    is(() = $dispatcher->log =~ /account is paused/g, 1, 'the pause is one line');

    # A reload that finds no file keeps the account, one that finds the right one mends it.
    unlink $path;
    $dispatcher->signal('HUP');
    $dispatcher->wait_for_log(qr/account cannot be used.*account=twilio.*token.*stays in use/);
    put_file('token', "$secrets{TWILIO_AUTH_TOKEN}\n", 0600);
    $dispatcher->signal('HUP');
    wait_for('all to be sent', sub { !grep { state_of($cluster, $_) ne 'sent' } @ids }, 75);
    is(arrived('Body=wrong\d'), 5 + $cluster->sql(q{select count(*) from herald.attempt where class = 'config'}),
        'the corrected file is used after SIGHUP, each goes out once');
    unlike($dispatcher->log, qr/\Q$secrets{TWILIO_AUTH_TOKEN}\E/, 'no secret in the log');
    is($dispatcher->stop, 0, 'it ends cleanly');
}

# Webhooks to addresses of this machine, in many spellings, are refused at the socket.
{
    $cluster->sql(q{update herald.provider set settings = settings - 'allow_addresses' where name = 'webhook'});
    my $dispatcher = start_dispatcher($cluster, $sandbox, name => 'guarded');
    my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => free_port(), Listen => 50,
        ReuseAddr => 1, Blocking => 0) or die "listen: $!";
    my $before = $sandbox->requests;
    my %refused;
    my @hosts = ('127.0.0.1', 'localhost', '127.1', '2130706433', '0x7f.1', '0177.0.0.1', '0', '[::1]',
        '[::ffff:127.0.0.1]', '169.254.169.254', '10.0.0.1');
    for my $n (0 .. $#hosts)
    {
        $cluster->sql("select herald.notify_recipient('h$n')");
        my ($failed, undef, $err) = $cluster->try_sql("select herald.notify_device('h$n', 'webhook', 'webhook',"
              . " 'https://$hosts[$n]:" . $listener->sockport . "/hook')");
        if ($failed)
        {
            $refused{ $hosts[$n] } = 1;
            next;
        }
        $cluster->sql("select herald.notify_send('t', 'h$n', '{\"n\": \"ssrf$n\"}', channels => '{webhook}')");
    }
    wait_final($cluster, 60);
    for my $n (grep { !$refused{ $hosts[$_] } } 0 .. $#hosts)
    {
        my $row = $cluster->sql("select concat_ws(' ', state, code, reason) from herald.delivery where recipient = 'h$n'");
        unlike($row, qr/^sent/, "a webhook to $hosts[$n] is not sent");
        like($row, qr/address is not a public one/, 'and the reason says why') or diag $row;
    }
    is(scalar(keys %refused) + $cluster->sql(q{select count(*) from herald.delivery where recipient like 'h%'}),
        scalar @hosts, 'each was refused when stored or when sent');
    ok(!$listener->accept, 'nobody was connected to');
    is(scalar $sandbox->requests, $before, 'nothing reached the sandbox');
    is($dispatcher->stop, 0, 'it ends cleanly');
}
done_testing();
