// SMTP submission with nodemailer.
'use strict';

const nodemailer = require('nodemailer');
const { compose } = require('../mail');

module.exports = async (message) => {
  const { settings, secrets, to } = message;
  const transport = nodemailer.createTransport({
    host: settings.host,
    port: message.ports.smtp,
    name: settings.helo,
    requireTLS: true,
    tls: { ca: message.ca },
    auth: { user: settings.username, pass: secrets.password },
  });
  await transport.sendMail({
    ...compose(message), envelope: { from: settings.envelope_from, to: [to.email] },
  });
  transport.close();
};
