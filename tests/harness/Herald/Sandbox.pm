# herald-sandbox: strict doubles of the providers, and what arrived there.
package Herald::Sandbox;

use strict;
use warnings;
use Herald::Process;
use Herald::Util qw(wait_for slurp);
use HTTP::Tiny;
use JSON::PP;

our @ISA = ('Herald::Process');

# start(name => 'sandbox', args => […], program => another one): listens on free ports, returns when ports.json is there.
sub start
{
    my ($class, %with) = @_;
    my $name = $with{name} // 'sandbox';
    my $dir = ($ENV{TESTDIR} // $ENV{HERALD_WORK}) . "/$name";
    mkdir $dir;
    unlink "$dir/ports.json";
    my @any = map { ("--$_", '127.0.0.1:0') } qw(https smtp page);
    my $self = $class->SUPER::start($name,
        [ $with{program} // "$ENV{HERALD_BIN}/herald-sandbox", '--dir', $dir, @any, @{ $with{args} // [] } ]);
    $self->{dir} = $dir;
    wait_for("$name to be ready",
        sub { die $self->log unless $self->is_alive; -s "$dir/ports.json" });
    $self->{ports} = decode_json(slurp("$dir/ports.json"));
    return $self;
}

sub dir { return $_[0]->{dir} }
sub url { return "https://localhost:$_[0]->{ports}{https}" }
sub smtp { return "smtp://localhost:$_[0]->{ports}{smtp}" }

# The lines of secrets.env as name => value, for the dispatcher's environment.
sub secrets
{
    my ($self) = @_;
    return map { /^(\w+)=(.*)$/ ? ($1 => $2) : () } split /\n/, slurp("$self->{dir}/secrets.env");
}

# What arrived, oldest first; optionally after a sequence number.
sub requests
{
    my ($self, $after) = @_;
    my $query = '/api/requests?limit=100000' . (defined $after ? "&after=$after" : '');
    my @oldest_first = reverse @{ $self->api('GET', $query) };
    return @oldest_first;
}

# How many have arrived.
sub count { return $_[0]->stats->{providers}{seq} }

sub stats { return $_[0]->api('GET', '/api/stats') }
sub reset { return $_[0]->api('POST', '/api/reset', '{}') }

# script(RULES): a fault script, as a Perl structure.
sub script { return $_[0]->api('POST', '/api/script', encode_json($_[1])) }

sub api
{
    my ($self, $method, $path, $body) = @_;
    my $answer = HTTP::Tiny->new(timeout => 30)->request($method,
        "http://127.0.0.1:$self->{ports}{page}$path",
        defined $body
        ? { content => $body, headers => { 'content-type' => 'application/json' } }
        : {});
    die "$method $path: $answer->{status} $answer->{content}\n" unless $answer->{success};
    return $answer->{content} =~ /^\s*[\[{]/ ? decode_json($answer->{content}) : $answer->{content};
}

1;
