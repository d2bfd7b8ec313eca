# herald-ctl: templates as files, between a database and a folder under git.
use strict;
use warnings;
use Herald::Cluster;
use Herald::Util qw(slurp);
use PostgreSQL::Test::Utils qw(run_command);
use Test::More;

my $cluster = Herald::Cluster->start_new('ctl');
our $dir = "$ENV{TESTDIR}/templates";
$cluster->sql("create role $_->[0] login in role $_->[1]")
  for [ 'boss', 'herald_operator' ], [ 'author', 'herald_author' ], [ 'web', 'herald_sender' ];

# (exit code, stdout, stderr) of "herald-ctl template ARGUMENTS", as boss unless told.
sub ctl
{
    my ($args, %with) = @_;
    local %ENV = (%ENV, PGAPPNAME => undef, $cluster->libpq_environment($with{user} // 'boss'),
        HERALD_TEMPLATES => $with{dir} // $dir, %{ $with{env} // {} });
    delete $ENV{PGAPPNAME};
    my ($stdout, $stderr) = run_command([ "$ENV{HERALD_BIN}/herald-ctl", 'template', @$args ]);
    return ($? >> 8, $stdout, $stderr);
}

# The command does this and prints that.
sub ctl_is
{
    my ($args, $code, $out, $what, %with) = @_;
    my ($got, $stdout, $stderr) = ctl($args, %with);
    is($got, $code, $what) or diag $stderr;
    ref $out ? like($stdout, $out, '… and says so') : is($stdout, $out =~ s/\n\z//r, '… and says so');
    return;
}

# The command is refused with this message, and changes nothing.
sub ctl_refused
{
    my ($args, $message, $what, %with) = @_;
    my $before = state();
    my ($code, $stdout, $stderr) = ctl($args, %with);
    is($code, 2, "$what is refused");
    like($stderr, $message, '… with the reason');
    is(state(), $before, '… and changes nothing');
    return;
}

# Everything that a push could change.
sub state
{
    return $cluster->sql(q{select jsonb_agg(to_jsonb(t) order by t.name) from herald.template t})
      . $cluster->sql(q{select jsonb_agg(to_jsonb(p) order by p.*) from herald.template_part p})
      . $cluster->sql(q{select jsonb_agg(to_jsonb(v) order by v.*) from herald.template_version v});
}

# The only text of a template as sends render it.
sub rendered
{
    return $cluster->sql("select content from herald.notify_render('$_[0]', 'sms')");
}

sub put_file
{
    my ($path, $content) = @_;
    my ($folder) = "$dir/$path" =~ m{^(.*)/};
    mkdir $folder;
    open my $file, '>', "$dir/$path" or die "$path: $!";
    print $file $content;
    close $file;
    return;
}

# All files below the directory.
sub files
{
    return join "\n", sort map { s{^\Q$dir\E/}{}r } glob "$dir/*/* $dir/*/samples/*";
}

# What differs from what was remembered; empty when nothing does.
sub changed_since
{
    my ($past) = @_;
    my $diff = `diff -r '$past' '$dir' 2>&1`;
    return $diff;
}

sub remember
{
    my $past = "$ENV{TESTDIR}/past";
    system("rm -rf '$past' && cp -r '$dir' '$past'") == 0 or die 'cp';
    return $past;
}

$cluster->sql(q{select herald.notify_category('orders')});
$cluster->sql(q{select herald.notify_template('order_shipped', 'An order left', 'orders', '{b,a}')});
$cluster->sql("select herald.notify_template_part('order_shipped', $_)")
  for q{'sms', 'text', 'Order {{ n }} shipped.'}, q{'sms', 'text', E'Bestellung {{ n }}\n', 'de'},
  q{'email', 'subject', 'Order "{{ n }}" \ shipped'}, q{'email', 'text', ''};
$cluster->sql(q{select herald.notify_template_publish('order_shipped')});
$cluster->sql(q{select herald.notify_template('welcome')});
$cluster->sql(q{select herald.notify_template_part('welcome', 'webhook', 'body', '{"n": {{ n | json }}}')});

# Pull, and the round trip.
{
    ctl_is(['pull'], 0, "order_shipped: 5 files\nwelcome: 2 files\n", 'pull writes every template');
    is(files(), join("\n", qw(order_shipped/email.subject.liquid order_shipped/email.text.liquid
          order_shipped/sms.text.de.liquid order_shipped/sms.text.liquid order_shipped/template.json
          welcome/template.json welcome/webhook.body.liquid)), 'one file a part');
    is(slurp("$dir/order_shipped/sms.text.liquid"), "Order {{ n }} shipped.\n", 'a source and its newline');
    is(slurp("$dir/order_shipped/sms.text.de.liquid"), "Bestellung {{ n }}\n\n", 'which is one more than the source has');
    my $past = remember();
    my $before = state();
    ctl_is(['push'], 0, "order_shipped: unchanged\nwelcome: unchanged\n", 'pushing it back');
    is(state(), $before, 'changes nothing');
    ctl_is(['diff'], 0, '', 'there is no difference');
    ctl_is(['pull', 'order_*'], 0, "order_shipped: 5 files\n", 'pull of some');
    is(changed_since($past), '', 'is the same in every byte');
    put_file('welcome/template.json', '{}');
    ctl_is(['diff'], 0, '', 'the layout of JSON is no difference');
    ctl_is(['pull', 'welcome'], 0, "welcome: 2 files\n", 'and pull lays it out');
    is(changed_since($past), '', 'as before');
}

# Edit, look, push, publish: sends get it.
{
    put_file('order_shipped/sms.text.liquid', "Your order {{ n }} is on its way.\n");
    put_file('order_shipped/push.title.liquid', 'Shipped');
    unlink "$dir/order_shipped/email.text.liquid", "$dir/order_shipped/email.subject.liquid";
    my ($code, $out) = ctl(['diff', 'order_shipped']);
    is($code, 1, 'diff tells a difference by its exit code');
    like($out, qr{^--- database/order_shipped/sms.text.liquid\n\+\+\+ \Q$dir\E/order_shipped/sms.text.liquid\n\@\@ .*\@\@\n-Order \{\{ n \}\} shipped.\n\+Your order \{\{ n \}\} is on its way.(?:\n|\z)}m,
        'a changed part');
    like($out, qr{^--- /dev/null\n\+\+\+ \S+/push.title.liquid\n\@\@ .*\@\@\n\+Shipped\n}m, 'a new one');
    like($out, qr{^--- database/order_shipped/email.subject.liquid\n\+\+\+ /dev/null\n}m, 'a removed one');
    my $before = state();
    ctl_is(['push', '--dry-run', 'order_shipped'], 0, "order_shipped: draft 2 (4 files changed)\ndry run: nothing was changed\n", 'a dry run');
    is(state(), $before, 'changes nothing');
    ctl_is(['push', 'order_shipped'], 0, "order_shipped: draft 2 (4 files changed)\n", 'push makes a draft');
    ctl_is(['push', 'order_shipped'], 0, "order_shipped: unchanged\n", 'once');
    is($cluster->sql(q{select content from herald.notify_render('order_shipped', 'sms', '{"n": 7}')}), 'Order 7 shipped.',
        'which sends do not use yet');
    ctl_is(['push', 'order_shipped', '--publish', '--comment', 'New wording'], 0, "order_shipped: published 2\n", 'until it is published');
    is($cluster->sql(q{select content from herald.notify_render('order_shipped', 'sms', '{"n": 7}')}), 'Your order 7 is on its way.',
        'the change is rendered');
    is($cluster->sql(q{select comment, created_by from herald.template_version where template = 'order_shipped' and version = 2}), 'New wording|boss',
        'with comment and author');
    is($cluster->sql(q{select string_agg(concat_ws('.', channel, part, locale), ' ' order by channel, locale) from herald.template_part where version = 2}),
        'push.title. sms.text. sms.text.de', 'parts without a file are gone');
    ctl_is(['push', '--publish', 'order_shipped'], 0, "order_shipped: unchanged\n", 'publishing again changes nothing');
    put_file('order_shipped/template.json', '{"description": "Another"}');
    ctl_is(['push', 'order_shipped'], 0, "order_shipped: published 2 (1 file changed)\n", 'a description makes no version');
}

# Versions; files that a version does not have.
{
    put_file('order_shipped/notes.txt', "mine\n");
    put_file('order_shipped/README.md', "mine\n");
    ctl_is(['pull', '--version', '1', 'order_shipped'], 0, "order_shipped: 5 files\n", 'pull of an older version');
    is(files(), join("\n", qw(order_shipped/README.md order_shipped/email.subject.liquid order_shipped/email.text.liquid
          order_shipped/notes.txt order_shipped/sms.text.de.liquid order_shipped/sms.text.liquid order_shipped/template.json
          welcome/template.json welcome/webhook.body.liquid)), 'removes the files of other parts and nothing else');
    unlink "$dir/order_shipped/notes.txt";
    ctl_is(['diff', '--version=1', 'order_shipped'], 0, '', 'it is that version');
    ctl_is(['diff', 'order_shipped'], 1, qr/push.title.liquid/, 'and not the latest');
    ctl_refused([ 'pull', '--version', '9', 'welcome' ], qr/no version 9/, 'a version that is not there');
    ctl_is(['pull', 'order_shipped'], 0, "order_shipped: 4 files\n", 'pull of the latest');
    is(slurp("$dir/order_shipped/README.md"), "mine\n", 'leaves what is not the template\'s');
}

# New templates come from files; several are pushed together or not at all.
{
    put_file('fresh/template.json', "{}\n");
    put_file('fresh/sms.text.liquid', "Hello {{ name }}\n");
    ctl_is(['diff'], 1, qr{^\+\+\+ \S+/fresh/sms.text.liquid\n}m, 'a folder that the database does not know');
    ctl_is(['push', '--publish', 'fresh'], 0, "fresh: published 1 (2 files changed)\n", 'makes a template');
    system('rm', '-r', "$dir/fresh");
    ctl_is(['diff'], 1, "Only in the database: fresh\n", 'a template without a folder is a difference');
    put_file('another/template.json', "{}\n");
    put_file('another/sms.text.liquid', "x\n");
    put_file('order_shipped/sms.text.de.liquid', "Hallo\n{{ n | nonsense }}\n");
    ctl_refused(['push'], qr{^herald-ctl: order_shipped/sms.text.de.liquid: line 2, column 8: unknown filter "nonsense"$}m, 'a broken source');
    ctl_refused([ 'push', '--dry-run' ], qr{line 2, column 8}, 'in a dry run as well, it');
    ctl_is(['push', 'another'], 0, "another: draft 1 (2 files changed)\n", 'others can be pushed');
    ctl_is(['pull', 'order_shipped'], 0, qr/order_shipped/, 'pull mends the folder');
}

# Samples.
{
    put_file('another/samples/sample.json', '{"data": {"n": 1}}');
    put_file('another/samples/sample.golden.json', '{"sms": {"text": "x"}}');
    put_file('another/samples/mine.txt', 'x');
    ctl_refused([ 'push', 'another' ], qr{unknown file of template "another": "samples/mine.txt"}, 'what is no sample');
    put_file('another/samples/.mine', 'x');
    unlink "$dir/another/samples/mine.txt";
    ctl_is(['push', 'another'], 0, "another: draft 1 (2 files changed)\n", 'samples are pushed');
    is($cluster->sql(q{select bool_and(passed) from herald.notify_template_test('another')}), 't', 'and pass');
    ctl_is(['pull', 'another'], 0, "another: 4 files\n", 'and pulled');
    is(slurp("$dir/another/samples/sample.golden.json"), qq({\n    "sms": {\n        "text": "x"\n    }\n}\n), 'as JSON');
    $cluster->sql(q{select herald.notify_template_sample('another', null)});
    put_file('another/samples/mine.txt', 'x');
    ctl_is(['pull', 'another'], 0, "another: 2 files\n", 'removed ones');
    is(join(' ', glob "$dir/another/samples/* $dir/another/samples/.m*"), "$dir/another/samples/mine.txt $dir/another/samples/.mine",
        'go from the folder, and nothing else');
    system('rm', '-r', "$dir/another/samples");
    symlink "$dir/order_shipped", "$dir/another/samples" or die $!;
    ctl_refused([ $_, 'another' ], qr{another/samples: is a symbolic link}, "$_ of linked samples") for qw(push pull);
    unlink "$dir/another/samples";
}

# What does not belong there.
{
    my $outside = "$ENV{TESTDIR}/secret.txt";
    open my $file, '>', $outside or die $!;
    print $file "secret\n";
    close $file;
    put_file('order_shipped/smss.text.liquid', "x\n");
    ctl_refused([ 'push', 'order_shipped' ], qr/unknown file of template "order_shipped": "smss.text.liquid"\n  Did you mean "sms.text.liquid"\?/, 'a misspelt name');
    unlink "$dir/order_shipped/smss.text.liquid";
    put_file('order_shipped/.hidden', "\xff");
    ctl_is(['push', 'order_shipped'], 0, "order_shipped: unchanged\n", 'hidden files and README are passed over');
    symlink $outside, "$dir/order_shipped/email.text.liquid" or die $!;
    ctl_refused([ $_, 'order_shipped' ], qr{order_shipped/email.text.liquid: is a symbolic link, which is not followed}, "$_ of a link") for qw(push diff);
    ctl_is(['pull', 'order_shipped'], 0, qr/4 files/, 'pull removes the link');
    is(slurp($outside), "secret\n", 'not what it led to');
    unlink "$dir/order_shipped/sms.text.liquid";
    symlink $outside, "$dir/order_shipped/sms.text.liquid" or die $!;
    ctl_is(['pull', 'order_shipped'], 0, qr/4 files/, 'pull replaces a link');
    is(slurp($outside), "secret\n", 'not what it leads to');
    ok(!-l "$dir/order_shipped/sms.text.liquid", 'by a file');
    system('mv', "$dir/order_shipped", "$ENV{TESTDIR}/elsewhere");
    symlink "$ENV{TESTDIR}/elsewhere", "$dir/order_shipped" or die $!;
    ctl_refused([ $_, 'order_shipped' ], qr{order_shipped: is a symbolic link}, "$_ through a link") for qw(push diff pull);
    unlink "$dir/order_shipped";
    system('mv', "$ENV{TESTDIR}/elsewhere", "$dir/order_shipped");
    for my $case ([ "\xff\n", qr{sms.text.liquid: is no text in UTF-8}, 'a file that is not UTF-8' ],
        [ "a\0b", qr{sms.text.liquid: is no text in UTF-8}, 'a file with NUL' ],
        [ 'x' x 4194305, qr{sms.text.liquid: is larger than 4 MB}, 'a large file' ])
    {
        put_file('order_shipped/sms.text.liquid', $case->[0]);
        ctl_refused([ 'push', 'order_shipped' ], $case->[1], $case->[2]);
    }
    system('rm', "$dir/order_shipped/sms.text.liquid");
    system('mkfifo', "$dir/order_shipped/sms.text.liquid");
    ctl_refused([ 'push', 'order_shipped' ], qr{sms.text.liquid: is neither a file nor}, 'a pipe');
    system('rm', "$dir/order_shipped/sms.text.liquid");
    mkdir "$dir/order_shipped/more";
    ctl_refused([ 'push', 'order_shipped' ], qr{order_shipped/more: is neither a file nor}, 'another folder');
    rmdir "$dir/order_shipped/more";
    ctl_refused([ 'push', $_ ], qr/"\Q$_\E" is no name of a template/, "the name $_") for '../x', '/etc', '.', '', 'a/b', 'Up', 'a*';
    ctl_refused([ 'pull', $_ ], qr/"\Q$_\E" is no name of a template/, "the pattern $_") for '../*', 'a*b', '**';
    ctl_refused([ 'push', 'nothing' ], qr{templates/nothing: No such file}, 'a folder that is not there');
    ctl_refused([ 'pull', 'order_shiped' ], qr/unknown template "order_shiped"\n  Did you mean "order_shipped"/, 'a template that is not there');
    ctl_refused([ 'pull', 'zzz*' ], qr/no such template/, 'a pattern that fits nothing');
    put_file('stray.txt', "x\n");
    ctl_refused(['push'], qr{templates/stray.txt: is no template}, 'a file among the folders');
    unlink "$dir/stray.txt";
    unlink "$dir/order_shipped/template.json";
    ctl_refused([ 'push', 'order_shipped' ], qr/lacks the file template.json/, 'a folder without template.json');
    ctl_is(['pull', 'order_shipped'], 0, qr/4 files/, 'pull mends it');
}

# What others use is released first, and what uses it gets it.
{
    local $dir = "$ENV{TESTDIR}/shared";
    mkdir $dir;
    put_file("$_/template.json", '{}') for qw(a_note b_mail z_foot);
    put_file('z_foot/shared.body.liquid', "foot{% render 'zz_sign' %}\n");
    put_file('zz_sign/template.json', '{}');
    put_file('zz_sign/shared.body.liquid', " sign\n");
    put_file('zz_sign/shared.translations.de.json', qq({"hi": "Hallo"}\n));
    put_file('zz_sign/shared.translations.json', qq({"hi": "Hello"}\n));
    put_file('a_note/sms.text.liquid', "note\n");
    put_file('b_mail/sms.text.liquid', "{{ 'hi' | t }} {% render 'z_foot' %}\n");
    ctl_is([ 'push', '--publish' ], 0, join('', map { "$_: published 1 (" . ($_ eq 'zz_sign' ? 4 : 2) . " files changed)\n" } qw(a_note b_mail z_foot zz_sign)),
        'templates that use others, named before them');
    is(rendered('b_mail'), 'Hello foot sign', 'are published');
    put_file('zz_sign/shared.body.liquid', " changed\n");
    ctl_is([ 'push', '--publish' ], 0, "a_note: unchanged\nb_mail: published 2\nz_foot: published 2\nzz_sign: published 2 (1 file changed)\n",
        'what uses a changed template is published anew');
    is(rendered('b_mail'), 'Hello foot changed', 'and gets it');
    ctl_is([ 'push', '--publish' ], 0, "a_note: unchanged\nb_mail: unchanged\nz_foot: unchanged\nzz_sign: unchanged\n", 'once');
    unlink "$dir/zz_sign/shared.translations.de.json";
    put_file('zz_sign/shared.translations.xx.json', '{}');
    put_file('zz_sign/notes.txt', 'x');
    put_file('zz_sign/package.json', 'x');
    ctl_is([ 'pull', 'zz_sign' ], 0, "zz_sign: 4 files\n", 'pull writes translations');
    is(join(' ', map { m{([^/]*)$} } glob "$dir/zz_sign/*"), 'notes.txt package.json shared.body.liquid shared.translations.de.json'
          . ' shared.translations.json template.json', 'and removes those that are no more, and nothing else');
}

# A database that is no friend cannot write where it likes.
{
    mkdir "$ENV{TESTDIR}/trap";
    my $evil = Herald::Cluster->start_new('evil', extension => 0);
    $evil->sql(q{create schema herald; create view herald.template_versions as select 'x'::text as template});
    for my $case ([ 'x', '../../escaped.liquid' ], [ '../escaped', 'template.json' ], [ 'x', 'samples/../../../escaped.json' ],
        [ 'x', '.git' ], [ 'x', 'a/b.liquid' ], [ 'x', "$ENV{TESTDIR}/escaped.liquid" ], [ 'x', 'samples/' ], [ 'x', '' ], [ '', 'template.json' ])
    {
        $evil->sql("create or replace view herald.template_versions as select '$case->[0]'::text as template");
        $evil->sql("create or replace function herald.notify_template_export(text, integer) returns table (path text, content text)"
              . " language sql as \$\$ select '$case->[1]', 'x' \$\$");
        my ($code, undef, $err) = ctl(['pull'], dir => "$ENV{TESTDIR}/trap/in", user => undef,
            env => { PGHOST => $evil->host, PGPORT => $evil->port, PGUSER => $ENV{PGUSER} // (getpwuid $<)[0] });
        is($code, 2, "$case->[0]/$case->[1] is refused");
        like($err, qr/: is no name for a (?:file|folder)$/m, '… as a name');
    }
    $evil->sql("create or replace function herald.notify_template_export(text, integer) returns table (path text, content text)"
          . ' language sql as $$ select null::text, null::text $$');
    my ($code, undef, $err) = ctl(['pull'], dir => "$ENV{TESTDIR}/trap/in", user => undef,
        env => { PGHOST => $evil->host, PGPORT => $evil->port, PGUSER => $ENV{PGUSER} // (getpwuid $<)[0] });
    is($code, 2, 'null is refused') or diag $err;
    is(`find '$ENV{TESTDIR}' -name '*escaped*'; find '$ENV{TESTDIR}/trap' -type f`, '', 'nothing was written');
}

# Who may not is told so.
{
    ctl_refused([ $_ ], qr/permission denied.*\n  Log in as a member of the role herald_author or herald_operator/, "$_ by a sender", user => 'web') for qw(pull push diff);
    ctl_refused([ 'push', 'welcome' ], qr/role "author" may not read template "welcome"\n  An operator allows it with herald.notify_template_grant/,
        'push by an author without privileges', user => 'author');
    $cluster->sql(q{select herald.notify_template_grant('author', 'welcome', 'edit')});
    put_file('welcome/webhook.body.liquid', "{}\n");
    ctl_refused([ 'push', '--publish', 'welcome' ], qr/role "author" may not publish template "welcome"/, 'publishing by an editor', user => 'author');
    ctl_is([ 'push', 'welcome' ], 0, "welcome: draft 1 (1 file changed)\n", 'an editor pushes', user => 'author');
    ctl_is(['pull'], 0, "welcome: 2 files\n", 'and pulls what it may read', user => 'author');
}

# Wrong usage, and databases that cannot be used.
{
    my ($code, undef, $err) = ctl(['sing']);
    is($code, 2, 'an unknown command is refused');
    like($err, qr/template pull, template push and template diff/, 'and the known ones named');
    ctl_refused([ 'push', '--comment', 'x' ], qr/use it with --publish/, 'a comment without a version');
    ctl_refused([ 'pull', '--version', $_ ], qr/whole number from 1/, "version $_") for '0', 'x';
    ctl_refused([ 'pull', '--publish' ], qr/unknown option --publish/, 'an option of another command');
    ctl_refused([ 'pull', '-d', 'password=CANARY' ], qr/password on the command line/, 'a password on the command line');
    ctl_refused([ 'pull', '-d', 'dbname=nowhere' ], qr/no database connection: .*nowhere/, 'a database that is not there');
    ctl_refused([ 'pull', '-d', 'dbname=postgres' ], qr/no extension pg_herald/, 'a database without the extension');
    mkdir "$ENV{TESTDIR}/none";
    ctl_refused(['push'], qr{none: holds no template}, 'a directory without templates', dir => "$ENV{TESTDIR}/none");
    my ($help) = run_command([ "$ENV{HERALD_BIN}/herald-ctl", 'template', 'push', '--help' ]);
    like($help, qr/^Usage: herald-ctl template push .*--dry-run/s, '--help of a command');
    ($help) = run_command([ "$ENV{HERALD_BIN}/herald-ctl", '--version' ]);
    like($help, qr/^herald-ctl \(pg_herald\) \d/, '--version');
}
done_testing();
