// Web push with web-push.
'use strict';

const webpush = require('web-push');
const { vapidDetails } = require('../vapid');

module.exports = async (message) => {
  const { id, token, parts } = message;
  const payload = {
    title: parts.title, body: parts.body, tag: parts.collapse_key, data: { ...JSON.parse(parts.data), nid: id },
  };
  await webpush.sendNotification(JSON.parse(token), JSON.stringify(payload), {
    vapidDetails: vapidDetails(message),
    TTL: message.seconds_left,
    urgency: 'high',
    topic: parts.collapse_key,
    contentEncoding: 'aes128gcm',
  });
};
