// Mailchimp Transactional with @mailchimp/mailchimp_transactional.
'use strict';

const mailchimp = require('@mailchimp/mailchimp_transactional');

module.exports = async ({ id, to, category, parts, settings, secrets }) => {
  const answer = await mailchimp(secrets.api_key).messages.send({
    message: {
      html: parts.html,
      text: parts.text,
      subject: parts.subject,
      from_email: settings.from,
      from_name: settings.from_name,
      to: [{ email: to.email, type: 'to' }],
      headers: {
        'Reply-To': settings.reply_to,
        'List-Unsubscribe': `<${parts.unsubscribe_url}>`,
        'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
        'X-Order': '12',
      },
      preserve_recipients: false,
      tags: [category],
      subaccount: settings.subaccount,
      metadata: { nid: id },
    },
    async: false,
  });
  if (!Array.isArray(answer)) throw answer;
};
