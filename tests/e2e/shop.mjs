import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTestHarness } from 'wrangler';
import { ROOT } from '../../src/cli/project.mjs';
import { checkoutCompleted, deliver } from '../../src/cli/stripe-event.mjs';
import { decoded } from './jwt.mjs';
import { until } from './until.mjs';

const MAIL_WITHIN_MS = 15_000;
const POLL_MS = 50;

/** Secrets of these tests alone: what a developer's .dev.vars says must not matter. */
export const SECRETS = {
  ENVIRONMENT: 'development',
  STRIPE_WEBHOOK_SECRET: `whsec_${randomBytes(32).toString('base64url')}`,
  STRIPE_API_KEY: 'sk_test_not_used_by_these_tests',
  LINK_KEYS: `e2e:${randomBytes(32).toString('base64url')}`,
  ADMIN_TOKEN: randomBytes(32).toString('base64url'),
};

export const PRODUCT = {
  id: 'field-guide',
  name: 'A Field Guide to Bookplates',
  version: '2.1.0',
  archive: 'field-guide.zip',
  filename: 'field-guide-2.1.0.zip',
};

const VARS = {
  LINK_TTL_HOURS: 24,
  SHOP_NAME: 'The Paper Street Press',
  SUPPORT_EMAIL: 'help@paperstreet.example',
  MAIL_PROVIDER: 'outbox',
  PUBLIC_URL: '',
  PRODUCTS: [PRODUCT],
};

/**
 * @typedef {object} Differing what differs from an ordinary shop
 * @property {object} [vars]
 * @property {Record<string, string>} [secrets]
 * @property {string} [configPath] another wrangler.toml
 * @property {object[]} [neighbours] configurations of other Workers in the same runtime
 */

/**
 * A shop in the real runtime, with empty storage of its own.
 * @param {Differing} [differing]
 */
export async function openShop(differing = {}) {
  const harness = createTestHarness(options(differing));
  const { url } = await harness.listen();
  return new Shop(harness, url.origin);
}

/** @param {Differing} differing */
function options({ configPath = 'wrangler.toml', vars, secrets, neighbours = [] }) {
  const worker = { configPath, vars: { ...VARS, ...vars }, secrets: { ...SECRETS, ...secrets } };
  return { root: ROOT, workers: [worker, ...neighbours.map((config) => ({ config }))] };
}

/** What a person, Stripe, or the operator does with the shop. */
class Shop {
  #harness;
  #recoveries = 0;

  /**
   * @param {import('wrangler').TestHarness} harness
   * @param {string} origin
   */
  constructor(harness, origin) {
    this.#harness = harness;
    this.origin = origin;
  }

  /**
   * One request over the network. Redirects are not followed: each answer is looked at.
   * @param {string} path a path, or an address of this shop
   * @param {RequestInit} [init]
   */
  fetch = (path, init = {}) => fetch(new URL(path, this.origin), { redirect: 'manual', ...init });

  /**
   * Starts again with other settings and the same storage.
   * @param {Differing} [differing]
   */
  async restart(differing = {}) {
    await this.#harness.update(options(differing));
    this.origin = (await this.#harness.listen()).url.origin;
  }

  close = () => this.#harness.close();

  /** @param {string} name */
  neighbour = (name) => this.#harness.getWorker(name);

  /** @returns {Promise<import('@cloudflare/workers-types').R2Bucket>} */
  async archives() {
    return (await this.#harness.getWorker().getEnv()).ARCHIVES;
  }

  /** @param {Uint8Array} archive */
  async publish(archive, { archive: key } = PRODUCT) {
    await (await this.archives()).put(key, archive);
  }

  /** @returns {Promise<string[]>} the orders that exist */
  orders = () => this.#harness.getWorker().listDurableObjectIds('ORDERS');

  /** @returns {Promise<import('@cloudflare/workers-types').KVNamespace>} */
  async kv() {
    return (await this.#harness.getWorker().getEnv()).LINKS;
  }

  /** @returns {Promise<string[]>} the keys in KV */
  async deadLinks() {
    const { keys } = await (await this.kv()).list();
    return keys.map(({ name }) => name);
  }

  /** What KV says of a link's end, once its order has told it: the text under `link:<jti>`. */
  async tombstone(link) {
    const kv = await this.kv();
    return until(() => kv.get(tombstoneKey(link)), 'KV knows of the end of a link');
  }

  /** What an order has stored. */
  async stored(order) {
    return (await this.fetch(`/dev/orders/${order}`)).json();
  }

  /** Takes an order's object out of memory, as the platform may at any moment. Its storage stays. */
  evict = (order) => this.#harness.getWorker().evictDurableObject('ORDERS', { name: order });

  /** One request of the operator's. */
  operate(path, body) {
    const headers = { authorization: `Bearer ${SECRETS.ADMIN_TOKEN}`, 'content-type': 'application/json' };
    return this.fetch(path, { method: 'POST', headers, body: JSON.stringify(body) });
  }

  /** All that the Worker logged, as text. */
  logs = () => this.#harness.getLogs().map(({ message }) => message);

  /** Has Stripe report a paid checkout. */
  report(event, secret = SECRETS.STRIPE_WEBHOOK_SECRET) {
    return deliver(this.fetch, event, secret);
  }

  /**
   * Buys and waits for the mail.
   * @param {Partial<import('../../src/cli/stripe-event.mjs').Buyer>} [buyer]
   */
  async buy(buyer = {}) {
    const complete = { name: 'Ada Lovelace', organisation: 'Engines Ltd', email: someAddress(), product: PRODUCT.id, ...buyer };
    const event = checkoutCompleted(complete);
    const answer = await this.report(event);
    if (answer.status !== 200) throw new Error(`webhook: ${answer.status} ${await answer.text()}`);
    const mail = await this.mailTo(complete.email);
    return { buyer: complete, event, session: event.data.object, mail, link: mail.links[0] };
  }

  /** @returns {Promise<{ to: string, subject: string, text: string, html: string, links: string[] }[]>} newest first */
  async outbox() {
    const answer = await this.fetch('/dev/outbox', { headers: { accept: 'application/json' } });
    if (answer.status !== 200) throw new Error(`outbox: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  /** @param {string} address */
  async mailTo(address) {
    const until = Date.now() + MAIL_WITHIN_MS;
    while (Date.now() < until) {
      const mail = (await this.outbox()).find(({ to }) => to === address);
      if (mail) return mail;
      await sleep(POLL_MS);
    }
    throw new Error(`no mail within ${MAIL_WITHIN_MS} ms; the log: ${this.logs().join('\n')}`);
  }

  /** @param {string} address */
  async mailsTo(address) {
    return (await this.outbox()).filter(({ to }) => to === address);
  }

  /**
   * The newest mail to an address, once there are so many.
   * @param {string} address
   * @param {number} count
   */
  async nextMailTo(address, count) {
    const until = Date.now() + MAIL_WITHIN_MS;
    while (Date.now() < until) {
      const mails = await this.mailsTo(address);
      if (mails.length >= count) return mails[0];
      await sleep(POLL_MS);
    }
    throw new Error(`no mail number ${count} within ${MAIL_WITHIN_MS} ms; the log: ${this.logs().join('\n')}`);
  }

  /** Somebody has lost the mail. Each time from another network, since one alone may not ask often. */
  recover(email) {
    return this.browser().fetch('/recover', {
      method: 'POST',
      body: new URLSearchParams({ email }),
      headers: { 'cf-connecting-ip': `198.51.100.${(this.#recoveries += 1) % 256}` },
    });
  }

  /** Waits until the buyer's address knows of its order. */
  async addressIsKnown(email) {
    const key = `address:${createHash('sha256').update(`bookplate address\n${email}`).digest('hex')}`;
    const kv = await this.kv();
    await until(() => kv.get(key), `KV knows ${email}`);
  }

  /** The cron trigger rings. */
  cron = () => this.#harness.getWorker().scheduled({ cron: '*/10 * * * *', scheduledTime: new Date() });

  /** The operator takes links back. */
  revoke = (which) => this.operate('/links/revoke', which);

  browser = () => new Browser(this);
}

/** Somebody's browser: it keeps cookies. */
export class Browser {
  #cookies = new Map();
  #shop;

  /** @param {Pick<Shop, 'fetch'>} shop */
  constructor(shop) {
    this.#shop = shop;
  }

  /**
   * @param {string} path
   * @param {RequestInit & { headers?: Record<string, string> }} [init]
   */
  async fetch(path, init = {}) {
    const cookie = this.cookie();
    const headers = { accept: 'text/html', ...(cookie && { cookie }), ...init.headers };
    const answer = await this.#shop.fetch(path, { ...init, headers });
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = line.match(/^([^=]+)=([^;]*)/);
      this.#cookies.set(name, value);
    }
    return answer;
  }

  /** @returns {[string, string][]} names and values */
  cookies = () => [...this.#cookies];

  /** The header that it sends, for handing a download over to another program. */
  cookie = () => [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');

  /** Presses the button until nobody else is in the way: a connection that broke off is noticed a moment later. */
  async pressUntilFree(link, withinMs = 10_000) {
    const until = Date.now() + withinMs;
    let answer = await this.press(link);
    while (answer.status === 409 && Date.now() < until) {
      await drain(answer);
      await sleep(POLL_MS);
      answer = await this.press(link);
    }
    return answer;
  }

  /** Presses the button of the page that the link shows. */
  press(link) {
    const token = new URL(link).searchParams.get('token');
    return this.fetch('/download', { method: 'POST', body: new URLSearchParams({ token }) });
  }

  /** The whole way: the page, the button, the file. */
  async download(link) {
    await drain(await this.fetch(link));
    const redeemed = await this.press(link);
    if (redeemed.status !== 303) throw new Error(`no lease: ${redeemed.status} ${await redeemed.text()}`);
    await drain(redeemed);
    return this.fetch(redeemed.headers.get('location'));
  }
}

/** Where KV keeps that a link has ended. */
export const tombstoneKey = (link) => `link:${decoded(new URL(link).searchParams.get('token')).claims.jti}`;

/** An address that nobody else in these tests has. */
export function someAddress() {
  return `buyer-${randomBytes(6).toString('hex')}@example.com`;
}

/** Reads an answer to its end, so that its connection is free again. */
export async function drain(answer) {
  return Buffer.from(await answer.arrayBuffer());
}
