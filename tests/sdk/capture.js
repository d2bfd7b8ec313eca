// A server that takes whatever arrives over HTTP/1.1, HTTP/2 and SMTP, answers as the provider does
// when all is well, and appends each request as one line of JSON to DIR/requests.jsonl.
// Argument: DIR, with server.pem and server.key. Writes DIR/ports.json once it listens.
'use strict';

const fs = require('fs');
const http2 = require('http2');
const net = require('net');
const path = require('path');
const tls = require('tls');

const dir = process.argv[2];
const identity = {
  cert: fs.readFileSync(path.join(dir, 'server.pem')),
  key: fs.readFileSync(path.join(dir, 'server.key')),
};
const log = fs.openSync(path.join(dir, 'requests.jsonl'), 'a');

// The first row whose pattern the path matches: status, headers, body.
const answers = [
  [/^\/3\/device\//, 200, { 'apns-id': '00000000-0000-4000-8000-000000000001' }, ''],
  [/^\/token$/, 200, {}, { access_token: 'ya29.capture', expires_in: 3599, token_type: 'Bearer' }],
  [/messages:send$/, 200, {}, { name: 'projects/shop/messages/1' }],
  [/^\/v3\/push$/, 200, {}, { sendno: '1', msg_id: '18100287008546643' }],
  [/^\/push$/, 200, {}, { success: true, id: '5ea9b214b47cad768a35f13a', info: { devices: 1, failed: [] } }],
  [/\/Messages\.json$/, 201, {}, { sid: 'SM00000000000000000000000000000001', status: 'queued' }],
  [/\/Calls\.json$/, 201, {}, { sid: 'CA00000000000000000000000000000001', status: 'queued' }],
  [/^\/sms\/json$/, 200, {}, { 'message-count': '1', messages: [{ 'message-id': '0A01', status: '0' }] }],
  [/^\/v1\/messages$/, 202, {}, { message_uuid: '00000000-0000-4000-8000-000000000001' }],
  [/^\/v3\/mail\/send$/, 202, { 'x-message-id': 'capture' }, ''],
  [/^\/v2\/email\/outbound-emails$/, 200, {}, { MessageId: 'capture-1' }],
  [/\/messages\/send$/, 200, {}, [{ email: 'ann@example.org', status: 'sent', _id: 'capture' }]],
  [/^\/services\//, 200, { 'content-type': 'text/plain' }, 'ok'],
  [/\/sendMessage$/, 200, {}, { ok: true, result: { message_id: 1 } }],
  [/^\/wpush\//, 201, { location: 'https://localhost/m/1' }, ''],
  [/^\/hook$/, 200, {}, ''],
];

function record(entry) {
  fs.writeSync(log, `${JSON.stringify({ at_s: Date.now() / 1000, ...entry })}\n`);
}

function answer(request, response) {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const { rawHeaders } = request;
    record({
      protocol: `HTTP/${request.httpVersion}`,
      method: request.method,
      target: request.url,
      headers: rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [[name, rawHeaders[i + 1]]] : [])),
      body: Buffer.concat(chunks).toString('base64'),
    });
    const [, status, headers, body] = answers.find(([pattern]) => pattern.test(request.url.split('?')[0]))
      ?? [null, 404, {}, ''];
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(text);
  });
}

const replies = {
  EHLO: (secure) => `250-localhost\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n${
    secure ? '250 AUTH PLAIN' : '250 STARTTLS'}\r\n`,
  STARTTLS: () => '220 2.0.0 go ahead\r\n',
  MAIL: () => '250 2.1.0 sender\r\n',
  RCPT: () => '250 2.1.5 recipient\r\n',
  DATA: () => '354 go on\r\n',
  RSET: () => '250 2.0.0 reset\r\n',
  NOOP: () => '250 2.0.0 here\r\n',
  QUIT: () => '221 2.0.0 bye\r\n',
};

// Talks SMTP over a socket; after STARTTLS it goes on with a socket of TLS and the same session.
function converse(socket, session) {
  let pending = '';
  socket.setEncoding('latin1');
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    pending += chunk;
    for (;;) {
      const end = pending.indexOf(session.inData ? '\r\n.\r\n' : '\r\n');
      if (end < 0) return;
      const text = pending.slice(0, end);
      pending = pending.slice(end + (session.inData ? 5 : 2));
      if (session.inData) takeMail(socket, session, text);
      else if (session.inLogin) takeLogin(socket, session, text);
      else takeCommand(socket, session, text);
    }
  });
}

// AUTH PLAIN with the credentials in the command or in a line of their own.
function takeLogin(socket, session, credentials) {
  session.login = credentials;
  session.inLogin = false;
  socket.write('235 2.7.0 welcome\r\n');
}

function takeCommand(socket, session, line) {
  const verb = line.split(' ')[0].toUpperCase();
  session.commands.push(line);
  if (verb === 'AUTH') {
    const [, , credentials] = line.split(' ');
    session.inLogin = !credentials;
    if (credentials) takeLogin(socket, session, credentials);
    else socket.write('334 \r\n');
    return;
  }
  const reply = replies[verb];
  socket.write(reply ? reply(session.secure) : '502 5.5.1 unknown\r\n');
  session.inData = verb === 'DATA';
  if (verb === 'QUIT') socket.end();
  if (verb === 'STARTTLS') {
    socket.removeAllListeners('data');
    session.secure = true;
    converse(new tls.TLSSocket(socket, { isServer: true, ...identity }), session);
  }
}

function takeMail(socket, session, text) {
  const unstuffed = `${text}\r\n`.replace(/^\.\./gm, '.');
  const body = Buffer.from(unstuffed, 'latin1').toString('base64');
  record({ protocol: 'SMTP', commands: session.commands, login: session.login, body });
  session.inData = false;
  socket.write('250 2.0.0 queued\r\n');
}

const web = http2.createSecureServer({ ...identity, allowHTTP1: true }, answer);
const mail = net.createServer((socket) => {
  socket.write('220 localhost ESMTP\r\n');
  converse(socket, { commands: [], secure: false, inLogin: false, inData: false });
});
web.listen(0, '127.0.0.1', () => mail.listen(0, '127.0.0.1', () => {
  const ports = { https: web.address().port, smtp: mail.address().port };
  fs.writeFileSync(path.join(dir, 'ports.tmp'), JSON.stringify(ports));
  fs.renameSync(path.join(dir, 'ports.tmp'), path.join(dir, 'ports.json'));
}));
