import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkoutCompleted } from '../../src/cli/stripe-event.mjs';
import { openMailProvider } from './fake-mail-provider.mjs';
import { PRODUCT, drain, openShop, someAddress } from './shop.mjs';
import { zipOf } from './zip.mjs';

export const OPERATOR = 'operator@paperstreet.example';

const WITHIN_MS = 60_000;
const POLL_MS = 50;

/**
 * A shop whose mails go out by a fake provider, and whose outbox is in a hurry.
 * @param {'resend' | 'postmark'} name
 * @param {number} speedup by how much the outbox's pauses are shortened
 */
export async function openMailShop(name, speedup, vars = {}) {
  const provider = await openMailProvider();
  const settings = provider.settings(name);
  const shop = await openShop({
    ...settings,
    vars: { ...settings.vars, OPERATOR_EMAIL: OPERATOR, MAIL_SPEEDUP: speedup, ...vars },
  });
  await shop.publish(await zipOf({ 'guide/guide.txt': 'Ex libris' }));
  return {
    shop,
    provider,
    /** A purchase. @param {string} [email] */
    async buy(email = someAddress()) {
      const event = checkoutCompleted({ name: 'Ada Lovelace', organisation: 'Engines Ltd', email, product: PRODUCT.id });
      assert.equal((await shop.report(event)).status, 200);
      return { email, session: event.data.object.id };
    },
    /** What an order's object has stored. @param {string} session */
    async order(session) {
      // While it throws an object out, the runtime answers nobody, and closes connections that wait.
      const ask = () => shop.fetch(`/dev/orders/${session}`);
      return (await ask().catch(ask)).json();
    },
    async close() {
      await shop.close();
      await provider.close();
    },
  };
}

/**
 * Waits until it holds, and gives what held.
 * @template T
 * @param {string} what
 * @param {() => T | Promise<T>} holds
 * @returns {Promise<T>}
 */
export async function until(what, holds) {
  const end = Date.now() + WITHIN_MS;
  for (;;) {
    const held = await holds();
    if (held) return held;
    if (Date.now() > end) throw new Error(`not within ${WITHIN_MS} ms: ${what}`);
    await sleep(POLL_MS);
  }
}

/** The status of the page behind a link. */
export async function statusOf(shop, link) {
  const answer = await shop.browser().fetch(link);
  await drain(answer);
  return answer.status;
}
