// The mail of a message as nodemailer takes it.
'use strict';

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

module.exports = { compose };
