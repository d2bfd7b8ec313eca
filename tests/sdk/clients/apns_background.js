// A background push through APNs with @parse/node-apn.
'use strict';

const apn = require('@parse/node-apn');

module.exports = async (message) => {
  const { settings } = message;
  const provider = new apn.Provider({
    token: { key: message.secrets.private_key, keyId: settings.key_id, teamId: settings.team_id },
    production: true,
    ca: message.ca,
  });
  const note = new apn.Notification({
    topic: settings.topic,
    pushType: 'background',
    priority: 5,
    id: message.id,
    contentAvailable: 1,
    payload: { ...JSON.parse(message.parts.data), nid: message.id },
  });
  const { failed } = await provider.send(note, message.token);
  if (failed.length > 0) throw new Error(JSON.stringify(failed));
};
