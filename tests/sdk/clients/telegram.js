// Telegram with telegraf.
'use strict';

const { Telegram } = require('telegraf');

module.exports = async ({ token, parts, secrets }) => {
  await new Telegram(secrets.bot_token).sendMessage(Number(token), parts.text);
};
