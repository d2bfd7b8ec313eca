// Web push with web-push.
'use strict';

const { createPrivateKey } = require('crypto');
const webpush = require('web-push');

module.exports = async ({ id, token, parts, settings, secrets, ...message }) => {
  const { x, y, d } = createPrivateKey(secrets.private_key).export({ format: 'jwk' });
  const point = Buffer.concat([Buffer.from([4]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
  const payload = {
    title: parts.title, body: parts.body, tag: parts.collapse_key, data: { ...JSON.parse(parts.data), nid: id },
  };
  await webpush.sendNotification(JSON.parse(token), JSON.stringify(payload), {
    vapidDetails: { subject: settings.subject, publicKey: point.toString('base64url'), privateKey: d },
    TTL: message.seconds_left,
    urgency: 'high',
    topic: parts.collapse_key,
    contentEncoding: 'aes128gcm',
  });
};
