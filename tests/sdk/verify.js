// Checks what cannot be compared because it differs each time: signatures and encryption, with the
// clients' own tools where there are any.
'use strict';

const crypto = require('crypto');
const ece = require('http_ece');
const { SignatureV4 } = require('@smithy/signature-v4');
const { Webhook } = require('standardwebhooks');

const decodeJson = (text) => JSON.parse(Buffer.from(text, 'base64url').toString());

// Header, claims and the verdict on the signature of a token.
function readToken(token, keyPem) {
  const [header, claims, signature] = token.split('.');
  const key = { key: crypto.createPublicKey(keyPem), dsaEncoding: 'ieee-p1363' };
  const isValid = crypto.verify('sha256', `${header}.${claims}`, key, Buffer.from(signature, 'base64url'));
  return { header: decodeJson(header), claims: decodeJson(claims), signature: isValid ? 'valid' : 'invalid' };
}

class Sha256 {
  constructor(secret) {
    this.hash = secret ? crypto.createHmac('sha256', secret) : crypto.createHash('sha256');
  }

  update(data) { this.hash.update(data); }

  async digest() { return this.hash.digest(); }
}

// A request signed again by Amazon's own code: the same headers, at the same time.
async function checkAmazon(record, headers, signedNames, message) {
  const { settings, secrets } = message;
  const signer = new SignatureV4({
    service: 'ses',
    region: settings.region,
    sha256: Sha256,
    applyChecksum: false,
    credentials: {
      accessKeyId: secrets.access_key_id,
      secretAccessKey: secrets.secret_access_key,
      sessionToken: secrets.session_token,
    },
  });
  const [date, time] = headers.get('x-amz-date').split('T');
  const iso = `${date.replace(/(....)(..)(..)/, '$1-$2-$3')}T${time.replace(/(..)(..)(..)/, '$1:$2:$3')}`;
  const signed = await signer.sign({
    method: record.method,
    protocol: 'https:',
    path: record.target,
    query: {},
    headers: Object.fromEntries(signedNames.map((name) => [name, headers.get(name)])),
    body: Buffer.from(record.body, 'base64'),
  }, { signingDate: new Date(iso), signableHeaders: new Set(signedNames) });
  return signed.headers.authorization === headers.get('authorization') ? 'valid' : 'invalid';
}

function checkWebhook(record, headers, message) {
  const body = Buffer.from(record.body, 'base64').toString();
  try {
    new Webhook(message.secrets.secret).verify(body, Object.fromEntries(headers));
    return 'valid';
  } catch (error) {
    return `invalid: ${error.message}`;
  }
}

// The push message as the browser reads it (RFC 8291), and what its header (RFC 8188) says.
function decrypt(bytes, message) {
  const { d } = crypto.createPrivateKey(message.browser).export({ format: 'jwk' });
  const browser = crypto.createECDH('prime256v1');
  browser.setPrivateKey(Buffer.from(d, 'base64url'));
  const text = ece.decrypt(bytes, {
    version: 'aes128gcm', privateKey: browser, authSecret: JSON.parse(message.token).keys.auth,
  });
  return { text: text.toString(), record_size: bytes.readUInt32BE(16), key_bytes: bytes[20] };
}

module.exports = { readToken, checkAmazon, checkWebhook, decrypt };
