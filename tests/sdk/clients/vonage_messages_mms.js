// A picture through Vonage's Messages API with @vonage/messages.
'use strict';

const { Auth } = require('@vonage/auth');
const { Messages, MMSImage } = require('@vonage/messages');

module.exports = async ({ id, to, parts, settings, secrets }) => {
  const auth = new Auth({ applicationId: settings.application_id, privateKey: secrets.private_key });
  await new Messages(auth).send(new MMSImage({
    to: to.phone.slice(1),
    from: settings.from.slice(1),
    image: { url: parts.media, caption: parts.text },
    clientRef: id,
  }));
};
