-- delivery_policy: what happens to an attempt whose outcome is unknown.
create type herald.delivery_policy as enum ('at_least_once', 'at_most_once');
comment on type herald.delivery_policy is
    'at_least_once repeats an attempt with unknown outcome, at_most_once ends the delivery as unknown';
