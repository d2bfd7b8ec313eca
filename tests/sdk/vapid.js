// The sender's identity as web-push takes it, from the key's PEM.
'use strict';

const { createPrivateKey } = require('crypto');

function vapidDetails({ settings, secrets }) {
  const { x, y, d } = createPrivateKey(secrets.private_key).export({ format: 'jwk' });
  const point = Buffer.concat([Buffer.from([4]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
  return { subject: settings.subject, publicKey: point.toString('base64url'), privateKey: d };
}

module.exports = { vapidDetails };
