// Amazon SES with @aws-sdk/client-sesv2; nodemailer writes the mail, as its transport for SES does.
'use strict';

const nodemailer = require('nodemailer');
const { SESv2Client, SendEmailCommand } = require('@aws-sdk/client-sesv2');
const { compose } = require('../mail');

module.exports = async (message) => {
  const { category, settings, secrets, to } = message;
  const client = new SESv2Client({
    region: settings.region,
    credentials: {
      accessKeyId: secrets.access_key_id,
      secretAccessKey: secrets.secret_access_key,
      sessionToken: secrets.session_token,
    },
  });
  const written = await nodemailer.createTransport({ streamTransport: true, buffer: true, newline: 'windows' })
    .sendMail(compose(message));
  await client.send(new SendEmailCommand({
    Destination: { ToAddresses: [to.email] },
    Content: { Raw: { Data: written.message } },
    ConfigurationSetName: settings.configuration_set,
    EmailTags: [{ Name: 'nid', Value: message.id }, { Name: 'category', Value: category }],
  }));
};
