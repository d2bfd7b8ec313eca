// Vonage's SMS API with @vonage/sms.
'use strict';

const { Auth } = require('@vonage/auth');
const { SMS } = require('@vonage/sms');

module.exports = async ({ id, to, parts, settings, secrets, ...message }) => {
  const auth = new Auth({ apiKey: secrets.api_key, apiSecret: secrets.api_secret });
  await new SMS(auth).send({
    to: to.phone.slice(1),
    from: settings.from,
    text: parts.text,
    type: 'unicode',
    clientRef: id,
    statusReportReq: true,
    callback: settings.status_callback,
    entityId: settings.entity_id,
    contentId: settings.content_id,
    ttl: message.seconds_left * 1000,
  });
};
