// Twilio's Calls API with twilio.
'use strict';

const twilio = require('twilio');

module.exports = async ({ id, to, parts, settings, secrets }) => {
  const response = new twilio.twiml.VoiceResponse();
  response.say({ language: settings.language, voice: settings.voice }, parts.text);
  await twilio(settings.key_sid, secrets.auth_token, { accountSid: settings.account_sid }).calls.create({
    to: to.phone,
    from: settings.from,
    twiml: response.toString(),
    statusCallback: `${settings.status_callback}?nid=${id}`,
    timeout: settings.ring_s,
    machineDetection: settings.machine_detection,
  });
};
