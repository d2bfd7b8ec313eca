// JPush with jpush-async.
'use strict';

const { JPushAsync } = require('jpush-async');

module.exports = async ({ id, token, parts, settings, secrets, ...message }) => {
  const extras = { ...JSON.parse(parts.data), nid: id };
  const client = JPushAsync.buildClient({ appKey: settings.appkey, masterSecret: secrets.master_secret });
  const payload = client.push()
    .setPlatform('android', 'ios')
    .setAudience(JPushAsync.registration_id(token))
    .setNotification(
      JPushAsync.android(parts.body, parts.title, null, extras, 1, null, 3, parts.image),
      JPushAsync.ios(
        { title: parts.title, subtitle: parts.subtitle, body: parts.body },
        parts.sound, Number(parts.badge), null, { ...extras, image: parts.image }, null, true,
      ),
    )
    .setOptions(null, message.seconds_left, null, true, null, parts.collapse_key);
  await payload.send();
};
