import { once } from 'node:events';
import { createServer } from 'node:http';
import { stripeId } from '../../src/cli/stripe-event.mjs';
import { charge } from './stripe-money.mjs';

export const API_KEY = 'sk_test_fake_0123456789abcdef';
const API_VERSION = '2026-10-28.endive';

/** An expanded list holds the first few of its items. */
const EXPANDED_ITEMS = 10;

/**
 * @typedef {object} Behaviour what the API does instead of answering
 * @property {number} [status]
 * @property {object} [body]
 * @property {Record<string, string>} [headers]
 * @property {'hang' | 'close' | 'half'} [line] never answers; closes without an answer; closes in the middle of one
 */

/** Errors as the reference documents them (https://docs.stripe.com/api/errors). */
export const ERRORS = {
  badRequest: failure(400, { code: 'parameter_unknown', type: 'invalid_request_error', message: 'Received unknown parameter: x' }),
  badKey: failure(401, { type: 'invalid_request_error', message: `Invalid API Key provided: ${API_KEY}` }),
  conflict: failure(409, { code: 'lock_timeout', type: 'invalid_request_error', message: 'This object cannot be accessed right now.' }),
  unprocessable: failure(422, { type: 'invalid_request_error', message: 'Unprocessable.' }),
  busy: failure(429, { code: 'rate_limit', type: 'invalid_request_error', message: 'Too many requests.' }),
  busyFor: (secs) => failure(429, { code: 'rate_limit', type: 'invalid_request_error', message: 'Too many requests.' }, { 'retry-after': String(secs) }),
  broken: failure(500, { type: 'api_error', message: 'An unknown error occurred.' }),
};

/** Stripe's API on loopback: it answers as the reference says, or misbehaves as it is told to. */
export async function openStripe() {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stripe = new FakeStripe(server);
  server.on('request', (request, response) => stripe.serve(request, response));
  return stripe;
}

class FakeStripe {
  #server;
  /** @type {Map<string, object>} */
  #sessions = new Map();
  #events = [];
  /** @type {Map<string, Behaviour[]>} what to do at the next requests for a path that has this in it */
  #planned = new Map();
  /** Everything that was asked, in order. */
  requests = [];

  /** @param {import('node:http').Server} server */
  constructor(server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${server.address().port}`;
  }

  /** What a shop needs to ask this API. */
  get vars() {
    return { STRIPE_API_URL: this.url };
  }

  /**
   * A session that exists from now on.
   * @param {object} session as events carry it
   * @param {{ prices?: string[], charge?: object }} [more] what an event does not carry
   */
  keep(session, { prices = [], charge: differing } = {}) {
    this.#sessions.set(session.id, { session, items: prices.map(lineItem), charge: charge(session, differing) });
    return session;
  }

  /** What is listed as having happened. */
  list(...events) {
    this.#events.push(...events);
  }

  /**
   * @param {string} what a part of the path
   * @param {Behaviour[]} behaviours one per request, then it answers again
   */
  misbehave(what, behaviours) {
    this.#planned.set(what, [...behaviours]);
  }

  /** @param {string} what */
  requestsFor = (what) => this.requests.filter(({ path }) => path.includes(what));

  async close() {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  /**
   * @param {import('node:http').IncomingMessage} request
   * @param {import('node:http').ServerResponse} response
   */
  serve(request, response) {
    const url = new URL(request.url, this.url);
    const { authorization, 'stripe-version': version } = request.headers;
    this.requests.push({ method: request.method, path: url.pathname, query: url.searchParams, version, at: Date.now() });
    const plan = [...this.#planned].find(([what]) => url.pathname.includes(what))?.[1].shift();
    if (plan?.line === 'hang') return;
    if (plan?.line === 'close') {
      request.socket.destroy();
      return;
    }
    if (plan && !plan.line) {
      send(response, plan);
      return;
    }
    const answer = authorization === `Bearer ${API_KEY}` ? this.#answer(url) : ERRORS.badKey;
    if (plan?.line === 'half') {
      const text = JSON.stringify(answer.body);
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': text.length });
      response.write(text.slice(0, text.length / 2), () => request.socket.destroy());
      return;
    }
    send(response, answer);
  }

  /** @param {URL} url */
  #answer(url) {
    const [, kind, id, items] = url.pathname.match(/^\/v1\/(checkout\/sessions|events)(?:\/([^/]+))?(\/line_items)?$/) ?? [];
    if (kind === 'events') return this.#listed(id, url.searchParams);
    const kept = kind && this.#sessions.get(id);
    if (!kept) return failure(404, { code: 'resource_missing', param: 'session', type: 'invalid_request_error', message: `No such checkout.session: ${id}` });
    if (items) return { status: 200, body: listOf(kept.items, url.searchParams, `/v1/checkout/sessions/${id}/line_items`) };
    const expand = url.searchParams.getAll('expand[]');
    const body = { ...kept.session };
    if (expand.includes('line_items')) {
      body.line_items = listOf(kept.items, new URLSearchParams({ limit: EXPANDED_ITEMS }), `/v1/checkout/sessions/${id}/line_items`);
    }
    if (body.payment_intent && expand.includes('payment_intent.latest_charge')) {
      body.payment_intent = { id: body.payment_intent, object: 'payment_intent', amount: body.amount_total, currency: body.currency, latest_charge: kept.charge, status: 'succeeded' };
    }
    return { status: 200, body };
  }

  #listed(id, query) {
    const asked = id ?? query.get('starting_after');
    const event = this.#events.find((event) => event.id === asked);
    if (asked && !event) {
      return failure(id ? 404 : 400, { code: 'resource_missing', param: id ? 'id' : 'starting_after', type: 'invalid_request_error', message: `No such event: '${asked}'` });
    }
    return { status: 200, body: id ? event : this.#page(query) };
  }

  #page(query) {
    const [from, until] = [Number(query.get('created[gte]')), Number(query.get('created[lt]'))];
    const types = query.getAll('types[]');
    const events = this.#events
      .filter(({ created, type }) => created >= from && created < until && types.includes(type))
      .sort((one, other) => other.created - one.created);
    return listOf(events, query, '/v1/events');
  }
}

/** https://docs.stripe.com/api/pagination */
function listOf(all, query, url) {
  const after = query.get('starting_after');
  const rest = after ? all.slice(all.findIndex(({ id }) => id === after) + 1) : all;
  const data = rest.slice(0, Number(query.get('limit') ?? 10));
  return { object: 'list', data, has_more: rest.length > data.length, url };
}

/** @param {string} price */
function lineItem(price) {
  return {
    id: stripeId('li_1'),
    object: 'item',
    adjustable_quantity: null,
    amount_discount: 0,
    amount_subtotal: 4900,
    amount_tax: 0,
    amount_total: 4900,
    currency: 'eur',
    description: 'A book',
    metadata: {},
    price: price && { id: price, object: 'price', active: true, currency: 'eur', product: stripeId('prod_'), type: 'one_time', unit_amount: 4900 },
    quantity: 1,
  };
}

function failure(status, error, headers = {}) {
  return { status, body: { error }, headers };
}

function send(response, { status, body, headers = {} }) {
  response.writeHead(status, { 'content-type': 'application/json', 'stripe-version': API_VERSION, ...headers });
  response.end(JSON.stringify(body));
}
