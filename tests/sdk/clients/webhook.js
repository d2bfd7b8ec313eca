// A webhook signed by standardwebhooks, which sends nothing itself: the request is Node's.
'use strict';

const { Webhook } = require('standardwebhooks');

module.exports = async ({ id, token, parts, secrets }) => {
  const now = new Date();
  const body = JSON.stringify({
    type: 'webhook', timestamp: `${now.toISOString().slice(0, 19)}Z`, data: JSON.parse(parts.body),
  });
  const answer = await fetch(token, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(now / 1000)),
      'webhook-signature': new Webhook(secrets.secret).sign(id, now, body),
    },
    body,
  });
  if (!answer.ok) throw new Error(`the answer is ${answer.status}`);
};
