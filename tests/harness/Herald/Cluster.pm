# A private PostgreSQL with pg_herald in database "app", on Unix sockets only.
package Herald::Cluster;

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

our @ISA = ('PostgreSQL::Test::Cluster');

# start_new(NAME, preload => 1, cron => 0, conf => "lines\n", extension => 1, armed => 1)
sub start_new
{
    my ($class, $name, %with) = @_;
    %with = (preload => 1, cron => 0, conf => '', extension => 1, armed => 1, %with);
    my $self = bless PostgreSQL::Test::Cluster->new($name), $class;
    $self->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
    my @preload = (('pg_herald') x !!$with{preload}, ('pg_cron') x !!$with{cron});
    $self->append_conf('postgresql.conf', "shared_preload_libraries = '" . join(',', @preload) . "'");
    $self->append_conf('postgresql.conf', "cron.database_name = 'app'\ncron.host = '" . $self->host . "'")
      if $with{cron};
    $self->append_conf('postgresql.conf', "max_connections = 60\n$with{conf}");
    $self->start;
    $self->safe_psql('postgres', 'create database app');
    $self->safe_psql('app', 'create extension pg_herald') if $with{extension};
    $self->sql('select herald.arm()') if $with{extension} && $with{armed};
    return $self;
}

# Result of one statement in "app", unaligned and without headings; dies on an error.
sub sql
{
    my ($self, $statement, %options) = @_;
    return $self->safe_psql('app', $statement, %options);
}

# (exit code, stdout, stderr) of statements that may fail.
sub try_sql
{
    my ($self, $statement) = @_;
    my ($stdout, $stderr) = ('', '');
    my $code = $self->psql('app', $statement, stdout => \$stdout, stderr => \$stderr,
        on_error_die => 0, on_error_stop => 1);
    return ($code, $stdout, $stderr);
}

# libpq's variables for a daemon that shall use "app", as a list of name => value.
sub libpq_environment
{
    my ($self, $user) = @_;
    return (
        PGHOST => $self->host,
        PGPORT => $self->port,
        PGDATABASE => 'app',
        defined $user ? (PGUSER => $user) : ());
}

1;
