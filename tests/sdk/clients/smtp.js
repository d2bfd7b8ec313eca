// SMTP submission with nodemailer.
'use strict';

const { compose, openTransport } = require('../mail');

module.exports = async (message) => {
  const { settings, to } = message;
  const transport = openTransport(message);
  await transport.sendMail({
    ...compose(message), envelope: { from: settings.envelope_from, to: [to.email] },
  });
  transport.close();
};
