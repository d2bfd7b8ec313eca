// A mail of plain ASCII through SMTP submission with nodemailer.
'use strict';

const { openTransport } = require('../mail');

module.exports = async (message) => {
  const { id, to, parts, settings } = message;
  const transport = openTransport(message);
  await transport.sendMail({
    from: settings.from,
    to: to.email,
    subject: parts.subject,
    text: parts.text,
    messageId: `<${id}@shop.example>`,
  });
  transport.close();
};
