// Vonage's Messages API with @vonage/messages.
'use strict';

const { Auth } = require('@vonage/auth');
const { Messages, SMS } = require('@vonage/messages');

module.exports = async ({ id, to, parts, settings, secrets, ...message }) => {
  const auth = new Auth({ applicationId: settings.application_id, privateKey: secrets.private_key });
  await new Messages(auth).send(new SMS({
    to: to.phone.slice(1),
    from: settings.from.slice(1),
    text: parts.text,
    clientRef: id,
    webhookUrl: settings.status_callback,
    ttl: message.seconds_left,
    sms: { encodingType: 'auto' },
  }));
};
