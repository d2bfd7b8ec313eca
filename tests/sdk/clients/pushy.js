// Pushy with pushy.
'use strict';

const Pushy = require('pushy');

module.exports = async ({ id, token, parts, secrets, ...message }) => {
  const data = { ...JSON.parse(parts.data), nid: id, image: parts.image };
  await new Pushy(secrets.api_key).sendPushNotification(data, token, {
    time_to_live: message.seconds_left,
    collapse_key: parts.collapse_key,
    mutable_content: true,
    notification: { title: parts.title, body: parts.body, badge: Number(parts.badge), sound: parts.sound },
  });
};
