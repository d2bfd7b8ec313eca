// APNs with @parse/node-apn.
'use strict';

const apn = require('@parse/node-apn');

module.exports = async (message) => {
  const { parts, settings } = message;
  const { aps, ...custom } = JSON.parse(parts.data);
  const provider = new apn.Provider({
    token: { key: message.secrets.private_key, keyId: settings.key_id, teamId: settings.team_id },
    production: true,
    ca: message.ca,
  });
  const note = new apn.Notification({
    topic: settings.topic,
    pushType: 'alert',
    id: message.id,
    expiry: message.expires_at_s,
    collapseId: parts.collapse_key,
    alert: { title: parts.title, subtitle: parts.subtitle, body: parts.body },
    badge: Number(parts.badge),
    sound: parts.sound,
    threadId: parts.thread_id,
    category: aps.category,
    mutableContent: 1,
    payload: { ...custom, image: parts.image, nid: message.id },
  });
  const { failed } = await provider.send(note, message.token);
  if (failed.length > 0) throw new Error(JSON.stringify(failed));
};
