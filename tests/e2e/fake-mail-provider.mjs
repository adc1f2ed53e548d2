import { once } from 'node:events';
import { createServer } from 'node:http';

export const RESEND_KEY = 're_fake_0123456789abcdef';
export const POSTMARK_TOKEN = '0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9';

/**
 * @typedef {object} Behaviour what the provider does instead of taking a mail and saying so
 * @property {number} [status] what it answers
 * @property {object | string} [body]
 * @property {Record<string, string>} [headers]
 * @property {boolean} [taken] whether it takes the mail nonetheless
 * @property {'hang' | 'close' | 'half'} [line] never answers; closes without an answer; closes in the middle of one
 */

/** Answers as the providers' references document them. */
export const ANSWERS = {
  resend: {
    badRequest: { status: 400, body: resendError(400, 'validation_error', 'We found an error with one or more fields in the request.') },
    badKey: { status: 401, body: resendError(401, 'missing_api_key', 'Missing API key in the authorization header.') },
    forbidden: { status: 403, body: resendError(403, 'validation_error', 'The shop.example domain is not verified. Please, add and verify your domain.') },
    otherBody: { status: 409, body: resendError(409, 'invalid_idempotent_request', 'Same idempotency key used with a different request payload.') },
    concurrent: { status: 409, body: resendError(409, 'concurrent_idempotent_requests', 'Same idempotency key used while original request is still in progress.') },
    invalidTo: { status: 422, body: resendError(422, 'validation_error', 'Invalid `to` field. The email address needs to follow the `email@example.com` format.') },
    busy: { status: 429, body: resendError(429, 'rate_limit_exceeded', 'Too many requests. You can only make 2 requests per second.') },
    quota: { status: 429, body: resendError(429, 'daily_quota_exceeded', 'You have reached your daily email sending quota.') },
    broken: { status: 500, body: resendError(500, 'application_error', 'An unexpected error occurred.') },
  },
  postmark: {
    badToken: { status: 401, body: postmarkError(10, 'Request does not contain a valid Server token.') },
    inactive: {
      status: 422,
      body: (to) => postmarkError(406, `You tried to send to recipient(s) that have been marked as inactive. Found inactive addresses: ${to}.`),
    },
    maintenance: { status: 422, body: postmarkError(100, 'Maintenance') },
    busy: { status: 429, body: postmarkError(429, 'Rate limit exceeded') },
    broken: { status: 500, body: postmarkError(0, 'Internal Server Error') },
  },
};

/**
 * Resend and Postmark on loopback: they take mails as the real ones do, or misbehave as they are told to.
 * @param {{ forgetsAfterMs?: number }} [options] after which time a key is forgotten; Resend's is a day
 */
export async function openMailProvider({ forgetsAfterMs = 24 * 3600 * 1000 } = {}) {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const provider = new FakeMailProvider(server, forgetsAfterMs);
  server.on('request', (request, response) => provider.serve(request, response));
  return provider;
}

class FakeMailProvider {
  #server;
  #forgetsAfterMs;
  /** @type {Map<string, Behaviour[]>} */
  #planned = new Map();
  #always = null;
  /** @type {Map<string, { body: string, id: string, at: number }>} */
  #keys = new Map();
  /** Everything that was asked of it, in order. */
  requests = [];
  /** The mails that went out: a mail in here is in somebody's mailbox. */
  mails = [];

  constructor(server, forgetsAfterMs) {
    this.#server = server;
    this.#forgetsAfterMs = forgetsAfterMs;
    this.origin = `http://127.0.0.1:${server.address().port}`;
  }

  /**
   * The next requests for this address are answered so, one after the other.
   * @param {string} address
   * @param {...Behaviour} behaviours
   */
  plan(address, ...behaviours) {
    this.#planned.set(address, behaviours);
  }

  /** All requests are answered so, until further notice. @param {Behaviour | null} behaviour */
  always(behaviour) {
    this.#always = behaviour;
  }

  /** @param {string} address */
  mailsTo = (address) => this.mails.filter(({ to }) => to === address);

  /** @param {string} address */
  requestsTo = (address) => this.requests.filter(({ to }) => to === address);

  async close() {
    this.#server.closeAllConnections();
    await new Promise((closed) => this.#server.close(closed));
  }

  /** The settings of a shop that sends by it. @param {'resend' | 'postmark'} name */
  settings(name) {
    const vars = { MAIL_PROVIDER: name, MAIL_FROM: 'The Paper Street Press, Ltd <post@paperstreet.example>' };
    const from = { resend: { RESEND_API_URL: this.origin }, postmark: { POSTMARK_API_URL: this.origin } }[name];
    const secrets = { resend: { RESEND_API_KEY: RESEND_KEY }, postmark: { POSTMARK_SERVER_TOKEN: POSTMARK_TOKEN } }[name];
    return { vars: { ...vars, ...from }, secrets };
  }

  async serve(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const called = { at: Date.now(), path: request.url, headers: request.headers, text, ...read(request.url, text) };
    this.requests.push(called);
    const behaviour = this.#planned.get(called.to)?.shift() ?? this.#always ?? { taken: true };
    const { status, body, headers = {} } = this.#answer(called, request, behaviour);
    called.status = status;
    if (behaviour.line === 'hang') return;
    if (behaviour.line === 'close') {
      request.socket.destroy();
      return;
    }
    const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
    response.writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length, ...headers });
    if (behaviour.line === 'half') {
      response.write(bytes.subarray(0, bytes.length / 2), () => request.socket.destroy());
      return;
    }
    response.end(bytes);
  }

  #answer(called, request, behaviour) {
    const refused = refusal(called, request);
    if (refused) return refused;
    const own = behaviour.taken ? this.#take(called) : null;
    if (own && behaviour.status === undefined) return own;
    const body = typeof behaviour.body === 'function' ? behaviour.body(called.to) : behaviour.body;
    return { status: behaviour.status, body: body ?? '', headers: behaviour.headers };
  }

  /** Takes a mail, unless it was taken before. */
  #take(called) {
    const at = Date.now();
    const key = called.provider === 'resend' && called.headers['idempotency-key'];
    const known = key && this.#keys.get(key);
    if (known && at - known.at < this.#forgetsAfterMs) {
      if (known.body !== called.text) {
        return { status: 409, body: resendError(409, 'invalid_idempotent_request', 'Same idempotency key used with a different request payload.') };
      }
      return { status: 200, body: { id: known.id } };
    }
    const id = `00000000-0000-4000-8000-${String(this.mails.length).padStart(12, '0')}`;
    this.mails.push(called);
    if (key) this.#keys.set(key, { body: called.text, id, at });
    if (called.provider === 'resend') return { status: 200, body: { id } };
    const body = { To: called.to, SubmittedAt: new Date().toISOString(), MessageID: id, ErrorCode: 0, Message: 'OK' };
    return { status: 200, body };
  }
}

/** What the request says, whoever's it is. */
function read(path, text) {
  const json = parsed(text);
  if (path === '/emails') {
    return { provider: 'resend', json, from: json.from, to: json.to?.[0], subject: json.subject, plain: json.text, html: json.html, links: linksIn(json.text) };
  }
  const { From: from, To: to, Subject: subject, TextBody: plain, HtmlBody: html } = json;
  return { provider: 'postmark', json, from, to, subject, plain, html, links: linksIn(plain) };
}

/** What the real ones refuse before they look at the mail. */
function refusal({ provider, json, headers, path }, { method }) {
  if (method !== 'POST' || !['/emails', '/email'].includes(path)) return { status: 404, body: resendError(404, 'not_found', 'The requested endpoint does not exist.') };
  if (provider === 'resend') {
    if (!headers.authorization) return { status: 401, body: resendError(401, 'missing_api_key', 'Missing API key in the authorization header.') };
    if (headers.authorization !== `Bearer ${RESEND_KEY}`) return { status: 403, body: resendError(403, 'invalid_api_key', 'API key is invalid') };
    const missing = ['from', 'to', 'subject'].find((field) => !json[field]);
    if (missing) return { status: 422, body: resendError(422, 'missing_required_field', `Missing \`${missing}\` field.`) };
    if (/["\\]|=\?/.test(json.from)) return { status: 422, body: resendError(422, 'validation_error', 'Invalid `from` field.') };
    return null;
  }
  if (headers['x-postmark-server-token'] !== POSTMARK_TOKEN) return { status: 401, body: postmarkError(10, 'Request does not contain a valid Server token.') };
  if (!json.From || !json.To) return { status: 422, body: postmarkError(300, 'Invalid email request') };
  return null;
}

function resendError(statusCode, name, message) {
  return { statusCode, name, message };
}

function postmarkError(ErrorCode, Message) {
  return { ErrorCode, Message };
}

/** @param {string | undefined} text */
function linksIn(text) {
  return (text ?? '').match(/^https?:\/\/\S+\/download\?token=\S+$/gm) ?? [];
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
