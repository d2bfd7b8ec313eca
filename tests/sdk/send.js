// Sends a message with the official client. Arguments: the client's file in clients/, and a file with
// the message as JSON. A client that connects to port 443 of its provider reaches the capturing
// server instead; all else is as the client does it.
'use strict';

const fs = require('fs');
const path = require('path');
const tls = require('tls');

const [client, file] = process.argv.slice(2);
const message = JSON.parse(fs.readFileSync(file, 'utf8'));

const { connect } = tls;
tls.connect = (...args) => {
  const given = args.find((arg) => arg !== null && typeof arg === 'object') ?? {};
  const [port, host] = typeof args[0] === 'object' ? [given.port, given.host] : args;
  if (Number(port) !== 443) return connect(...args);
  const name = given.servername || host;
  return connect({
    ...given, host: '127.0.0.1', port: message.ports.https, servername: name,
  });
};

// A client may keep its connections open; what counts is that the message was sent.
require(path.join(__dirname, 'clients', client))(message).then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
