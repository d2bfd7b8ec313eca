// SendGrid with @sendgrid/mail.
'use strict';

const mail = require('@sendgrid/mail');

module.exports = async ({ id, to, category, parts, settings, secrets }) => {
  mail.setApiKey(secrets.api_key);
  await mail.send({
    personalizations: [{ to: to.email, customArgs: { nid: id } }],
    from: { email: settings.from, name: settings.from_name },
    replyTo: settings.reply_to,
    subject: parts.subject,
    text: parts.text,
    html: parts.html,
    headers: {
      'List-Unsubscribe': `<${parts.unsubscribe_url}>`,
      'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
      'X-Order': '12',
    },
    categories: [category],
    mailSettings: { sandboxMode: { enable: true } },
  });
};
