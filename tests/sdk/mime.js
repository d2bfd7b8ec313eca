// Reads a mail (RFC 5322, MIME) into flat fields: headers of each entity with encoded words decoded,
// texts with their transfer encoding removed.
'use strict';

const LINE_MAX = 998;

function fromQuotedPrintable(text) {
  const joined = text.replace(/[ \t]+$/gm, '').replace(/=\r\n/g, '');
  return Buffer.from(joined.replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16))), 'latin1');
}

function decodeWord(_, charset, encoding, text) {
  const bytes = encoding.toUpperCase() === 'B'
    ? Buffer.from(text, 'base64')
    : fromQuotedPrintable(text.replace(/_/g, ' '));
  return new TextDecoder(charset, { fatal: true }).decode(bytes);
}

// White space between two encoded words belongs to neither.
function decodeWords(text) {
  return text.replace(/\?=\s+=\?/g, '?==?').replace(/=\?([^?]+)\?([bq])\?([^?]*)\?=/gi, decodeWord);
}

function readHeaders(head) {
  const headers = new Map();
  for (const line of head.replace(/\r\n(?=[ \t])/g, '').split('\r\n')) {
    const at = line.indexOf(':');
    const name = line.slice(0, at).toLowerCase();
    const value = decodeWords(line.slice(at + 1).trim());
    headers.set(name, headers.has(name) ? `${headers.get(name)} | ${value}` : value);
  }
  return headers;
}

// The text as it was before it was encoded, with line ends as they are.
function decodeBody(body, encoding) {
  const bytes = encoding === 'base64' ? Buffer.from(body, 'base64')
    : encoding === 'quoted-printable' ? fromQuotedPrintable(body)
      : Buffer.from(body, 'latin1');
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
}

function readEntity(text, name, put) {
  const end = text.indexOf('\r\n\r\n');
  const headers = readHeaders(text.slice(0, end));
  const body = text.slice(end + 4);
  const type = headers.get('content-type') ?? '';
  const boundary = /^multipart\/.*boundary="?([^";]+)"?/.exec(type)?.[1];
  headers.forEach((value, header) => {
    put(`${name}.header ${header}`, boundary ? value.replace(boundary, '{boundary}') : value);
  });
  if (!boundary) {
    put(`${name}.text`, decodeBody(body, headers.get('content-transfer-encoding')?.toLowerCase()));
    return;
  }
  const [preamble, ...entities] = `\r\n${body}`.split(`\r\n--${boundary}`);
  const epilogue = entities.pop();
  put(`${name}.around`, JSON.stringify([preamble.trim(), epilogue.trim()]));
  entities.forEach((entity, i) => readEntity(entity.replace(/^\r\n/, ''), `${name}.${i + 1}`, put));
}

function readMail(bytes, put) {
  const text = bytes.toString('latin1');
  const lines = text.split('\r\n');
  const isClean = lines.every((line) => line.length <= LINE_MAX && !/[\r\n]/.test(line));
  put('mail.lines', isClean ? 'CRLF, short' : 'broken or too long');
  readEntity(text, 'mail', put);
}

module.exports = { readMail };
