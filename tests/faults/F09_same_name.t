# F9: two dispatchers with one name are two dispatchers: each has an epoch of its own, neither sends
# what the other has, and the death of one does not touch the other.
use strict;
use warnings;
use Herald::Fixture qw(add_template start_all start_dispatcher wait_final);
use Herald::Reckoning qw(reckon send_texts);
use Test::More;

my ($cluster, $sandbox) = start_all('samename');
add_template($cluster, 't', undef, 'sms/text' => '{{ n }}');
$cluster->sql(q{select herald.notify_recipient('r', phone => '+15005550010')});
my ($one, $two) = map { start_dispatcher($cluster, $sandbox, name => $_, args => [ '--name', 'twin' ]) } qw(one two);
is($cluster->sql(q{select count(distinct epoch) from herald.dispatcher where name = 'twin' and gone_at is null}), 2,
    'each has an epoch of its own');
send_texts($cluster, 'm1', 500);
wait_final($cluster);
is(reckon($cluster, $sandbox, 'm1')->{$_}, 0, "$_: 0") for qw(missing unsent duplicates);
$one->kill9;
send_texts($cluster, 'm2', 100);
wait_final($cluster);
is(reckon($cluster, $sandbox, 'm2')->{$_}, 0, "one is dead, $_: 0") for qw(missing unsent duplicates);
unlike($two->log, qr/epoch is gone/, 'the other one keeps its epoch');
is($two->stop, 0, 'it ends cleanly');
done_testing();
