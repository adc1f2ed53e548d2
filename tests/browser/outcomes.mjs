import assert from 'node:assert/strict';
import { demoArchive } from '../../src/cli/demo-product.mjs';
import { checkoutCompleted } from '../../src/cli/stripe-event.mjs';
import { decoded, forged } from '../e2e/jwt.mjs';
import { API_KEY, openStripe } from '../e2e/fake-stripe.mjs';
import { PRODUCT, SECRETS, openShop, someAddress } from '../e2e/shop.mjs';
import { SlowClient } from '../e2e/slow-client.mjs';
import { askedElsewhere } from './browser.mjs';

const DAY_S = 24 * 3600;

/** A second product: its archive is taken away. */
const ATLAS = { ...PRODUCT, id: 'atlas', name: 'An Atlas of Bookplates', archive: 'atlas.zip', filename: 'atlas-2.1.0.zip' };

const BUYER = { name: 'Ada Lovelace', organisation: 'Analytical Engines Ltd' };

/** Pages that ask Stripe may be asked for so often in a minute, from one address. */
const ASKS_A_MINUTE = 10;

/** A shop in which every outcome can be arranged, with a Stripe of its own. */
export async function openOutcomesShop() {
  const stripe = await openStripe();
  const shop = await openShop({ vars: { ...stripe.vars, PRODUCTS: [PRODUCT, ATLAS] }, secrets: { STRIPE_API_KEY: API_KEY } });
  for (const product of [PRODUCT, ATLAS]) await shop.publish(await demoArchive(), product);
  const { close } = shop;
  return Object.assign(shop, {
    stripe,
    async close() {
      await close();
      await stripe.close();
    },
  });
}

/**
 * @typedef {object} Scene where somebody stands
 * @property {string} address
 * @property {import('../e2e/shop.mjs').Browser} [as] whose cookies they have; none of their own
 * @property {(page: import('playwright-core').Page) => Promise<void>} [act] what they do there, which leads to the page
 */

/**
 * @typedef {object} Outcome a page that somebody may meet
 * @property {string} name
 * @property {number} status
 * @property {RegExp} says its heading
 * @property {(shop: Shop) => Promise<Scene>} arrange puts the shop into it
 */

/** All of them, in an order in which each can be arranged: the last ones break the shop. @type {Outcome[]} */
export const OUTCOMES = [
  {
    name: 'storefront',
    status: 200,
    says: /Buy for free/,
    arrange: async () => ({ address: '/dev' }),
  },
  {
    name: 'outbox',
    status: 200,
    says: /Outbox/,
    async arrange(shop) {
      await shop.buy(BUYER);
      return { address: '/dev/outbox' };
    },
  },
  {
    name: 'health',
    status: 200,
    says: /Everything works/,
    arrange: async () => ({ address: '/healthz' }),
  },
  {
    name: 'ready',
    status: 200,
    says: /is ready/,
    arrange: async (shop) => ({ address: (await shop.buy(BUYER)).link }),
  },
  {
    name: 'success',
    status: 200,
    says: /Thank you/,
    arrange: async (shop) => ({ address: backFromCheckout(shop) }),
  },
  {
    name: 'pending',
    status: 202,
    says: /under way/,
    arrange: async (shop) => ({ address: backFromCheckout(shop, { payment_status: 'unpaid' }) }),
  },
  {
    name: 'too-many',
    status: 429,
    says: /Too many at once/,
    arrange: async () => ({
      address: '/download?session_id=cs_test_unknown',
      async act(page) {
        for (let asked = 0; asked < ASKS_A_MINUTE; asked += 1) await page.reload();
      },
    }),
  },
  {
    name: 'go-on',
    status: 200,
    says: /goes on/,
    async arrange(shop) {
      const { link } = await shop.buy(BUYER);
      const as = shop.browser();
      await as.press(link);
      return { address: link, as };
    },
  },
  {
    name: 'in-progress',
    status: 409,
    says: /Already being downloaded/,
    async arrange(shop) {
      const { link } = await shop.buy(BUYER);
      await shop.browser().press(link);
      return { address: link };
    },
  },
  {
    name: 'used',
    status: 410,
    says: /has been used/,
    arrange: async (shop) => ({ address: (await delivered(shop)).link }),
  },
  {
    name: 'exhausted',
    status: 410,
    says: /Too many downloads broke off/,
    async arrange(shop) {
      const { link } = await shop.buy(BUYER);
      for (let sent = 0; sent < 5; sent += 1) {
        const browser = shop.browser();
        const redeemed = await browser.pressUntilFree(link);
        const address = new URL(redeemed.headers.get('location'), shop.origin).href;
        const client = await SlowClient.open(address, { cookie: browser.cookie(), range: 'bytes=0-0' });
        await client.read();
      }
      // The last one is told to be over a moment after its answer.
      await shop.browser().pressUntilFree(link);
      return { address: link };
    },
  },
  {
    name: 'renewed',
    status: 202,
    says: /on its way/,
    async arrange(shop) {
      const { link } = await delivered(shop);
      return { address: link, act: (page) => page.getByRole('button', { name: /mail me another link/ }).click() };
    },
  },
  {
    name: 'used-again',
    status: 410,
    says: /has been used/,
    async arrange(shop) {
      const { link, buyer } = await delivered(shop);
      const token = new URL(link).searchParams.get('token');
      await shop.fetch('/renew', { method: 'POST', body: new URLSearchParams({ token }) });
      const [another] = (await shop.nextMailTo(buyer.email, 2)).links;
      await (await shop.browser().download(another)).arrayBuffer();
      return { address: another };
    },
  },
  {
    name: 'expired',
    status: 410,
    says: /has expired/,
    async arrange(shop) {
      const { link } = await shop.buy(BUYER);
      const { header, claims } = decoded(new URL(link).searchParams.get('token'));
      const past = { ...claims, iat: claims.iat - 2 * DAY_S, exp: claims.exp - 2 * DAY_S };
      const token = forged(header, past, Buffer.from(SECRETS.LINK_KEYS.split(':')[1], 'base64url'));
      return { address: `/download?${new URLSearchParams({ token })}` };
    },
  },
  {
    name: 'revoked',
    status: 410,
    says: /taken back/,
    async arrange(shop) {
      const { link, session } = await shop.buy(BUYER);
      await shop.revoke({ session_id: session.id });
      return { address: link };
    },
  },
  {
    name: 'superseded',
    status: 410,
    says: /newer link/,
    async arrange(shop) {
      const { link, session } = await delivered(shop);
      await shop.operate('/links', { session_id: session.id });
      return { address: link };
    },
  },
  {
    name: 'recover',
    status: 200,
    says: /Have the mail sent again/,
    arrange: async () => ({ address: '/recover' }),
  },
  {
    name: 'recovered',
    status: 202,
    says: /Look into your mailbox/,
    arrange: async () => ({
      address: '/recover',
      async act(page) {
        await page.getByLabel('E-mail').fill('ada@example.com');
        await page.getByRole('button').click();
      },
    }),
  },
  {
    name: 'unknown',
    status: 404,
    says: /not complete/,
    arrange: async () => ({ address: '/download?token=eyJhbGciOi' }),
  },
  {
    name: 'no-cookie',
    status: 403,
    says: /no cookie/,
    async arrange(shop) {
      const redeemed = await shop.browser().press((await shop.buy(BUYER)).link);
      return { address: redeemed.headers.get('location') };
    },
  },
  {
    name: 'other-browser',
    status: 403,
    says: /open your link again/,
    async arrange(shop) {
      const as = shop.browser();
      await as.fetch((await shop.buy(BUYER)).link);
      const redeemed = await shop.browser().press((await shop.buy(BUYER)).link);
      return { address: redeemed.headers.get('location'), as };
    },
  },
  {
    name: 'unavailable',
    status: 503,
    says: /Not right now/,
    async arrange(shop) {
      const { link } = await shop.buy({ ...BUYER, product: ATLAS.id });
      await (await shop.archives()).delete(ATLAS.archive);
      return { address: link };
    },
  },
  {
    name: 'unhealthy',
    status: 503,
    says: /needs the operator/,
    arrange: async () => ({ address: '/healthz' }),
  },
];

/** Where Stripe sends the buyer to. */
function backFromCheckout(shop, session = {}) {
  const { object } = checkoutCompleted({ ...BUYER, email: someAddress(), product: PRODUCT.id }, session).data;
  return `/download?session_id=${shop.stripe.keep(object).id}`;
}

/** Bought, and downloaded. */
async function delivered(shop) {
  const bought = await shop.buy(BUYER);
  await (await shop.browser().download(bought.link)).arrayBuffer();
  return bought;
}

/**
 * Opens a scene in a browser, as somebody who stands there would.
 * @param {import('playwright-core').Browser} browser
 * @param {Shop} shop
 * @param {Outcome} outcome
 * @param {import('playwright-core').BrowserContextOptions} options
 */
export async function open(browser, shop, { name, status, says, arrange }, options) {
  const { address, as, act } = await arrange(shop);
  const context = await browser.newContext(options);
  const url = `${shop.origin}/download`;
  await context.addCookies((as?.cookies() ?? []).map(([cookie, value]) => ({ name: cookie, value, url })));
  const elsewhere = askedElsewhere(context, shop.origin);
  const page = await context.newPage();
  const answers = [];
  page.on('response', (answer) => answer.request().isNavigationRequest() && answer.frame() === page.mainFrame() && answers.push(answer));
  await page.goto(new URL(address, shop.origin).href);
  await act?.(page);
  await page.getByRole('heading', { level: 1, name: says }).waitFor();
  const answer = answers.at(-1);
  assert.equal(answer.status(), status, name);
  return { page, answer, context, elsewhere };
}
