// Turns what was captured of one message into flat fields, name to text, so that two of them can be
// compared. What differs each time is checked and replaced by the verdict.
'use strict';

const { readMail } = require('./mime');
const verify = require('./verify');

const SECONDS_APART = 10;

// Puts the scalars of a JSON value under their paths, as JSON, so that "1" is not 1.
function flatten(value, name, put) {
  const isContainer = value !== null && typeof value === 'object';
  if (!isContainer || Object.keys(value).length === 0) {
    put(name, JSON.stringify(value));
  } else {
    Object.entries(value).forEach(([key, member]) => flatten(member, `${name}.${key}`, put));
  }
}

function putToken(token, name, message, put) {
  flatten(verify.readToken(token, message.key), name, put);
}

async function putAuthorization(value, record, headers, message, put) {
  const [scheme, rest] = [value.split(' ')[0], value.slice(value.indexOf(' ') + 1)];
  put('authorization scheme', scheme);
  if (scheme.toLowerCase() === 'basic') {
    put('authorization login', Buffer.from(rest, 'base64').toString());
  } else if (scheme === 'AWS4-HMAC-SHA256') {
    const [, credential, names] = /^Credential=(\S+?),\s*SignedHeaders=(\S+?),\s*Signature=\w+$/.exec(rest);
    put('authorization credential', credential.replace(/\/\d{8}\//, '/{day}/'));
    put('authorization signed headers', names);
    put('authorization signature', await verify.checkAmazon(record, headers, names.split(';'), message));
  } else if (scheme === 'vapid') {
    const [, token, key] = /^t=(\S+?),\s*k=(\S+)$/.exec(rest);
    putToken(token, 'jwt', message, put);
    put('authorization key', key);
  } else if (rest.split('.').length === 3 && message.key) {
    putToken(rest, 'jwt', message, put);
  } else {
    put('authorization credential', rest);
  }
}

function putForm(text, message, put) {
  const form = new URLSearchParams(text);
  for (const name of new Set(form.keys())) {
    const values = form.getAll(name);
    if (name === 'assertion') putToken(values[0], 'jwt', message, put);
    else put(`form ${name}`, values.length === 1 ? values[0] : JSON.stringify(values.sort()));
  }
}

function putJson(text, put) {
  const document = JSON.parse(text);
  const raw = document.Content?.Raw;
  if (raw?.Data) {
    readMail(Buffer.from(raw.Data, 'base64'), put);
    delete raw.Data;
  }
  flatten(document, 'body', put);
}

function putBody(bytes, headers, message, put) {
  const type = headers.get('content-type') ?? 'application/json';
  if (headers.get('content-encoding') === 'aes128gcm') {
    const { text, ...header } = verify.decrypt(bytes, message);
    putJson(text, put);
    flatten(header, 'encryption', put);
    return;
  }
  const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  if (type.startsWith('application/x-www-form-urlencoded')) putForm(text, message, put);
  else putJson(text, put);
}

async function putHttp(record, message, put) {
  const headers = new Map();
  for (const [key, value] of record.headers) {
    const name = key === ':authority' ? 'host' : key.toLowerCase();
    if (!name.startsWith(':')) headers.set(name, headers.has(name) ? `${headers.get(name)} | ${value}` : value);
  }
  const bytes = Buffer.from(record.body, 'base64');
  const url = new URL(record.target, 'https://host');
  put('protocol', record.protocol);
  put('method', record.method);
  put('path', url.pathname);
  new Set(url.searchParams.keys()).forEach((name) => put(`query ${name}`, url.searchParams.getAll(name).join(' | ')));
  for (const [name, value] of headers) {
    if (name === 'authorization') await putAuthorization(value, record, headers, message, put);
    else if (name === 'webhook-signature') put(`header ${name}`, verify.checkWebhook(record, headers, message));
    else if (name === 'content-length' && Number(value) === bytes.length) put(`header ${name}`, 'right');
    else put(`header ${name}`, value);
  }
  putBody(bytes, headers, message, put);
}

function putSmtp(record, put) {
  const verbs = record.commands.map((line) => line.split(' ')[0]);
  put('commands', verbs.join(' '));
  for (const verb of new Set(verbs)) {
    put(`command ${verb}`, record.commands.filter((line) => line.split(' ')[0] === verb).join(' | '));
  }
  put('login', JSON.stringify(Buffer.from(record.login, 'base64').toString()));
  readMail(Buffer.from(record.body, 'base64'), put);
}

// A point in time as its distance from the request, to the minute.
function relativeTime(text, record) {
  const plain = text.replace(/^"|"$/g, '');
  const iso = plain.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z');
  const seconds = /^\d+$/.test(plain) ? Number(plain) : Date.parse(iso) / 1000;
  return Number.isNaN(seconds) ? text
    : text.replace(plain, `{now + ${Math.round((seconds - record.at_s) / 60)} min}`);
}

// Seconds or milliseconds until the message expires, as such.
function relativeEnd(text, record, message) {
  const left = message.expires_at_s - record.at_s;
  return text.replace(/\d+/, (number) => {
    if (Math.abs(number - left) <= SECONDS_APART) return '{seconds left}';
    return Math.abs(number / 1000 - left) <= SECONDS_APART ? '{milliseconds left}' : number;
  });
}

async function readFields(records, message) {
  const fields = new Map([['requests', String(records.length)]]);
  for (const record of records) {
    const prefix = record.target === '/token' ? 'token.' : '';
    const host = record.target === '/token' ? message.hosts.token : message.hosts.main;
    const put = (name, text) => {
      const full = prefix + name;
      // The dispatcher was told to use the capturing server instead of its own host.
      let shown = host ? text.replace(`localhost:${message.ports.https}`, host) : text;
      if (message.times?.includes(full)) shown = relativeTime(text, record);
      if (message.left?.includes(full)) shown = relativeEnd(text, record, message);
      if (message.random?.includes(full)) shown = '{random}';
      fields.set(full, shown);
    };
    if (record.protocol === 'SMTP') putSmtp(record, put);
    else await putHttp(record, message, put);
  }
  return fields;
}

module.exports = { readFields };
