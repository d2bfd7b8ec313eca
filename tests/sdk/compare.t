# The same message sent by a dispatcher and by the provider's official client to a server that takes all:
# both requests are equal, field by field, but for what differences.md lists. README.md tells the forms.
# Arguments name some of the messages.
use strict;
use warnings;
use utf8;
use Herald::Cluster;
use Herald::Dispatcher;
use Herald::Fixture qw(add_template wait_final);
use Herald::Process;
use Herald::Util qw(run_quietly slurp wait_for);
use Encode qw(decode_utf8 encode_utf8);
use JSON::PP;
use MIME::Base64 qw(encode_base64url);
use Test::More;

my $json = JSON::PP->new->utf8->canonical;
my $here = "$ENV{HERALD_ROOT}/tests/sdk";
my $dir = $ENV{TESTDIR};
my $expires_at_s = time + 3600;
my %messages = %{ $json->decode(slurp("$here/messages.json")) };
my %listed = read_differences("$here/differences.md");
$messages{$_}{kind} //= $_ for keys %messages;
my %hosts = map { $_ => read_hosts($_) } keys %messages;
my %to = (phone => '+15005550010', email => 'ann@example.org');

make_keys();
delete @ENV{ map { ($_, uc) } qw(http_proxy https_proxy all_proxy) };
$ENV{NODE_PATH} = "$ENV{HERALD_ROOT}/build/sdk/node_modules";
$ENV{NODE_EXTRA_CA_CERTS} = "$dir/ca.pem";
my $capture = Herald::Process->start('capture', [ 'node', "$here/capture.js", $dir ]);
wait_for('the capturing server', sub { die $capture->log unless $capture->is_alive; -s "$dir/ports.json" });
my $ports = $json->decode(slurp("$dir/ports.json"));
my %places = (dir => $dir, url => "https://localhost:$ports->{https}", smtp => $ports->{smtp});
$places{subscription} = subscription();

die "compare.t: no message is called $_\n" for grep { !$messages{$_} } @ARGV;
my $cluster = Herald::Cluster->start_new('sdk');
$cluster->sql('create role dispatcher login in role herald_dispatcher');
$cluster->sql(q{select herald.notify_category('orders')});
is(join(' ', grep { !$messages{$_} } sort keys %listed), '', 'differences are listed of known messages only');
compare($_, $messages{$_}) for sort { $a cmp $b } @ARGV ? @ARGV : keys %messages;
done_testing();

# An authority, a certificate for all hosts, keys of an app, a service, a sender of pushes and a browser.
sub make_keys
{
    my $names = join ',', map { "DNS:$_" } 'localhost', map { grep { defined } values %$_ } values %hosts;
    write_file("$dir/extension", "subjectAltName = $names\n");
    my $curve = '-algorithm EC -pkeyopt ec_paramgen_curve:P-256';
    run_quietly("cd '$dir' && umask 077"
          . " && openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=test"
          . " && openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=localhost"
          . " && openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2"
          . " -extfile extension -out server.pem && openssl genpkey -algorithm RSA -out rsa.pem"
          . " && for key in ec vapid browser; do openssl genpkey $curve -out \$key.pem; done");
    return;
}

# A browser's, with a fixed secret.
sub subscription
{
    my $point = `openssl pkey -in '$dir/browser.pem' -pubout -outform DER | tail -c 65`;
    return $json->encode({
        endpoint => "$places{url}/wpush/v2/gAAAAABf",
        keys => { p256dh => encode_base64url($point), auth => encode_base64url('0123456789abcdef') } });
}

# Hosts that a kind uses without the setting endpoint, as the cases of its requests have them; none for
# kinds that send to anybody's URL.
sub read_hosts
{
    my ($name) = @_;
    my $text = slurp("tests/providers/$messages{$name}{kind}.case");
    my ($main) = $text =~ m{^request: POST https://([^/]+)}m;
    my ($token) = $text =~ m{^exchange: POST https://([^/]+)}m;
    return $messages{$name}{settings}{allow_addresses} ? {} : { main => $main, token => $token };
}

# Sends the message both ways and looks at where the requests differ.
sub compare
{
    my ($name, $message) = @_;
    set_up($name, $message);
    my %requests = (ours => [ send_ours($name, $message) ]);
    write_file("$dir/$name.message", $json->encode(client_message($name, $message)));
    is(system("node '$here/send.js' $name '$dir/$name.message' >'$dir/$name.log' 2>&1"), 0, "$name: $message->{package} sends it")
      or diag slurp("$dir/$name.log");
    $requests{theirs} = [ captured() ];
    write_file("$dir/$name.$_", '[' . join(',', @{ $requests{$_} }) . ']') for keys %requests;
    my @files = map { "'$dir/$name.$_'" } qw(message ours theirs);
    my $answer = eval { run_quietly("node '$here/compare.js' @files") };
    ok(defined $answer, "$name: the requests can be read") or diag $@;
    judge($name, $json->decode($answer)) if defined $answer;
    return;
}

# Each difference is listed, and each that is listed is there.
sub judge
{
    my ($name, $result) = @_;
    my %rows = %{ $listed{$name} // {} };
    cmp_ok($result->{fields} - @{ $result->{differences} }, '>', 4, "$name: $result->{fields} fields are compared");
    my @problems;
    for my $difference (@{ $result->{differences} })
    {
        my ($field, $ours, $theirs) = map { shown($_) } @{$difference}{qw(field ours theirs)};
        my $row = delete $rows{$field};
        push @problems, "| $field | $ours | $theirs | |"
          unless $row && $ours =~ $row->{ours} && $theirs =~ $row->{theirs};
    }
    is(join("\n", @problems), '', "$name: no difference but those that are listed");
    is(join(', ', sort keys %rows), '', "$name: all listed differences are there");
    return;
}

# A value as a cell of the list; control characters as JSON writes them.
sub shown
{
    my ($text) = @_;
    return '–' unless defined $text;
    return $text =~ s/([\x00-\x1f])/{ "\n" => '\\n', "\r" => '\\r' }->{$1} \/\/ sprintf '\\x%02x', ord $1/ger;
}

# The rows of tables below headings that name messages: {message => {field => {ours => pattern, theirs => pattern}}}.
sub read_differences
{
    my ($file) = @_;
    my (%found, @under);
    for my $line (split /\n/, decode_utf8(slurp($file)))
    {
        @under = split /, /, $1 if $line =~ /^## (.*)/;
        next unless @under && $line =~ /^\| `/;
        my (undef, $field, $ours, $theirs, $why) = split / *(?<!\\)\| */, $line;
        die "$file: a difference without reason: $line\n" unless defined $why && length $why;
        for my $name (@under)
        {
            die "$file: $name: $field is listed twice\n" if $found{$name}{ cell($field) };
            $found{$name}{ cell($field) } = { ours => pattern($ours), theirs => pattern($theirs) };
        }
    }
    return %found;
}

sub cell { return $_[0] =~ s/^`(.*)`$/$1/r =~ s/\\\|/|/gr }

# A cell as a pattern, in which * is any text.
sub pattern
{
    my ($text) = map { quotemeta } cell($_[0]);
    $text =~ s/\\\*/.*/g;
    return qr/\A$text\z/;
}

# Account, template and a recipient with an address.
sub set_up
{
    my ($name, $message) = @_;
    my %settings = (ca_file => "$dir/ca.pem", map { $_ => fill($message->{settings}{$_}) } keys %{ $message->{settings} });
    $settings{endpoint} = $places{url} if $hosts{$name}{main};
    my %files = map { $_ => secret_file($name, $_, $message->{secrets}{$_}) } keys %{ $message->{secrets} };
    my ($settings, $secrets) = ($json->encode(\%settings), $json->encode({ map { $_ => "file:$files{$_}" } keys %files }));
    $message->{secrets} = { map { $_ => slurp($files{$_}) } keys %files };
    $message->{token} = fill($message->{token}) if $message->{device};
    $cluster->sql('delete from herald.provider');
    $cluster->sql("select herald.notify_provider('$name', '$message->{kind}', '$message->{channel}',"
          . " settings => \$\$$settings\$\$, secrets => \$\$$secrets\$\$)");
    add_template($cluster, $name, $message->{category},
        map { ("$message->{channel}/$_" => encode_utf8($message->{parts}{$_})) } keys %{ $message->{parts} });
    $cluster->sql("select herald.notify_recipient('$name', email => '$to{email}', phone => '$to{phone}')");
    $cluster->sql("select herald.notify_device('$name', '$message->{device}', '$message->{kind}', \$\$$message->{token}\$\$)")
      if $message->{device};
    return;
}

# What a dispatcher sends; the message gets the id of its delivery.
sub send_ours
{
    my ($name, $message) = @_;
    my $dispatcher = Herald::Dispatcher->start($cluster, name => "dispatcher-$name", user => 'dispatcher');
    my $priority = $message->{priority} // 'normal';
    my $id = $cluster->sql("select herald.notify_send('$name', '$name', channels => '{$message->{channel}}',"
          . " priority => '$priority', expires_at => " . ($message->{unlimited} ? 'null' : "to_timestamp($expires_at_s)") . ')');
    wait_final($cluster);
    $message->{id} = $cluster->sql("select id from herald.delivery where notification = '$id'");
    is($cluster->sql("select concat_ws(' ', state, code, reason) from herald.delivery where notification = '$id'"),
        'sent', "$name: the dispatcher sends it");
    is($dispatcher->stop, 0, "$name: and ends cleanly");
    return captured();
}

# What a client and the comparison need to know of a message, beside its row.
sub client_message
{
    my ($name, $message) = @_;
    return {
        %$message, to => \%to, ports => $ports, hosts => $hosts{$name}, ca => slurp("$dir/ca.pem"),
        key => $message->{key} && slurp("$dir/$message->{key}"), browser => slurp("$dir/browser.pem"),
        path => ($message->{token} // '') =~ s/^\Q$places{url}\E//r,
        expires_at_s => $expires_at_s, seconds_left => $expires_at_s - time };
}

# {url} and the like replaced by what they are here.
sub fill
{
    my ($text) = @_;
    return $text if ref $text;
    return $text =~ s/\{(\w+)\}/$places{$1} \/\/ "{$1}"/ger;
}

# The file of a secret, which is given by its value or, after an @, as one of the keys.
sub secret_file
{
    my ($name, $secret, $value) = @_;
    return "$dir/$1" if $value =~ /^\@(.*)/;
    my $file = "$dir/$name.$secret";
    write_file($file, $value);
    chmod 0600, $file;
    return $file;
}

sub write_file
{
    my ($file, $text) = @_;
    open my $handle, '>', $file or die "$file: $!\n";
    print $handle $text;
    close $handle or die "$file: $!\n";
    return;
}

# What has arrived since the last call, as JSON documents.
sub captured
{
    my @all = split /\n/, slurp("$dir/requests.jsonl");
    my @new = @all[ ($places{seen} // 0) .. $#all ];
    $places{seen} = @all;
    return @new;
}
