// What the clients that use nodemailer share: the mail of a message, and the way to the server.
'use strict';

const nodemailer = require('nodemailer');

function compose({ id, to, parts, settings }) {
  return {
    from: { name: settings.from_name, address: settings.from },
    to: to.email,
    replyTo: settings.reply_to,
    subject: parts.subject,
    text: parts.text,
    html: parts.html,
    messageId: `<${id}@shop.example>`,
    list: { unsubscribe: parts.unsubscribe_url },
    headers: { 'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click', 'X-Order': '12' },
  };
}

function openTransport({ settings, secrets, ports, ca }) {
  return nodemailer.createTransport({
    host: settings.host,
    port: ports.smtp,
    name: settings.helo,
    requireTLS: true,
    tls: { ca },
    auth: { user: settings.username, pass: secrets.password },
  });
}

module.exports = { compose, openTransport };
