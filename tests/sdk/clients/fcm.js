// FCM with firebase-admin.
'use strict';

const { cert, initializeApp } = require('firebase-admin/app');
const { getMessaging } = require('firebase-admin/messaging');

module.exports = async ({ id, token, parts, settings, secrets, ...message }) => {
  initializeApp({
    credential: cert({
      projectId: settings.project_id, clientEmail: settings.client_email, privateKey: secrets.private_key,
    }),
  });
  const { aps, ...data } = JSON.parse(parts.data);
  await getMessaging().send({
    token,
    notification: { title: parts.title, body: parts.body, imageUrl: parts.image },
    data: { ...data, nid: id },
    android: {
      priority: 'high',
      ttl: message.seconds_left * 1000,
      collapseKey: parts.collapse_key,
      notification: { sound: parts.sound, tag: parts.collapse_key, notificationCount: Number(parts.badge) },
    },
    apns: {
      headers: {
        'apns-priority': '10',
        'apns-expiration': String(message.expires_at_s),
        'apns-collapse-id': parts.collapse_key,
      },
      payload: {
        aps: {
          alert: { title: parts.title, subtitle: parts.subtitle, body: parts.body },
          badge: Number(parts.badge),
          sound: parts.sound,
          threadId: parts.thread_id,
          category: aps.category,
          mutableContent: true,
        },
      },
      fcmOptions: { imageUrl: parts.image },
    },
  });
};
