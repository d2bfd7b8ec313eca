// Twilio's Messages API with twilio.
'use strict';

const twilio = require('twilio');

module.exports = async ({ id, to, parts, settings, secrets, ...message }) => {
  await twilio(settings.account_sid, secrets.auth_token).messages.create({
    to: to.phone,
    from: settings.from,
    body: parts.text,
    mediaUrl: parts.media.split('\n'),
    statusCallback: `${settings.status_callback}&nid=${id}`,
    validityPeriod: message.seconds_left,
  });
};
