// Web push with web-push, with as little as possible.
'use strict';

const webpush = require('web-push');
const { vapidDetails } = require('../vapid');

module.exports = async (message) => {
  const { id, token, parts } = message;
  const payload = { title: parts.title, tag: id, data: { nid: id } };
  await webpush.sendNotification(JSON.parse(token), JSON.stringify(payload), {
    vapidDetails: vapidDetails(message),
    urgency: 'low',
    contentEncoding: 'aes128gcm',
  });
};
