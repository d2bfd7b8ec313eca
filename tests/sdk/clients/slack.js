// Slack with @slack/webhook.
'use strict';

const { IncomingWebhook } = require('@slack/webhook');

module.exports = async ({ path, parts }) => {
  const text = parts.text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
  await new IncomingWebhook(`https://hooks.slack.com${path}`).send({ text });
};
