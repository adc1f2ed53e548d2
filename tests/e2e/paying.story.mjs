import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkoutCompleted, signature } from '../../src/cli/stripe-event.mjs';
import { PRODUCT, SECRETS, drain, openShop, someAddress } from './shop.mjs';

const SECRET = SECRETS.STRIPE_WEBHOOK_SECRET;
const TOLERANCE_S = 300;

/** Long enough for a mail that must not come: those that must come take a tenth of it. */
const QUIET_MS = 1_500;

const purchase = (session, event) =>
  checkoutCompleted({ name: 'Ada Lovelace', email: someAddress(), product: PRODUCT.id }, session, event);

const now = () => Math.floor(Date.now() / 1000);

describe('Stripe reports a payment', () => {
  let shop;
  before(async () => {
    shop = await openShop();
  });
  after(() => shop.close());

  /** What is stored and sent, before and after. */
  async function changesNothing(action) {
    const state = async () => ({ orders: (await shop.orders()).length, mails: (await shop.outbox()).length });
    const earlier = await state();
    const result = await action();
    await sleep(QUIET_MS);
    assert.deepEqual(await state(), earlier);
    return result;
  }

  const post = (body, headers) => shop.fetch('/webhooks/stripe', { method: 'POST', body, headers });

  it('what is not signed by Stripe is refused, and nothing is stored or sent', async () => {
    const body = JSON.stringify(purchase());
    const good = signature(body, SECRET);
    const forgeries = {
      'no signature': {},
      'an empty signature': { 'stripe-signature': '' },
      'another secret': { 'stripe-signature': signature(body, 'whsec_somebody_elses_secret') },
      'too old': { 'stripe-signature': signature(body, SECRET, now() - TOLERANCE_S - 5) },
      'from the future': { 'stripe-signature': signature(body, SECRET, now() + TOLERANCE_S + 5) },
      'a truncated signature': { 'stripe-signature': good.slice(0, -1) },
      'half a signature': { 'stripe-signature': good.slice(0, -32) },
      'no time': { 'stripe-signature': good.replace(/t=\d+,/, '') },
      'another time': { 'stripe-signature': good.replace(/t=\d+/, `t=${now() - 1}`) },
      'the old scheme': { 'stripe-signature': good.replace('v1=', 'v0=') },
      'of another body': { 'stripe-signature': signature(`${body} `, SECRET) },
    };
    await changesNothing(async () => {
      for (const [what, headers] of Object.entries(forgeries)) {
        const answer = await post(body, headers);
        assert.equal(answer.status, 400, what);
        assert.equal(answer.headers.get('content-type'), 'application/problem+json', what);
        assert.equal((await answer.json()).status, 400, what);
      }
    });
  });

  it('a truncated body is refused', async () => {
    const body = JSON.stringify(purchase());
    await changesNothing(async () => {
      const answer = await post(body.slice(0, -1), { 'stripe-signature': signature(body, SECRET) });
      assert.equal(answer.status, 400);
    });
  });

  it('a body larger than any event is refused', async () => {
    const body = JSON.stringify(purchase({ metadata: { product: PRODUCT.id, padding: 'x'.repeat(4_000_000) } }));
    await changesNothing(async () => {
      const answer = await post(body, { 'stripe-signature': signature(body, SECRET) });
      assert.equal(answer.status, 413);
    });
  });

  it('the same event twenty times at once is one order and one mail', async () => {
    const event = purchase();
    const address = event.data.object.customer_details.email;
    const earlier = (await shop.orders()).length;
    const answers = await Promise.all(Array.from({ length: 20 }, () => shop.report(event)));
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
    await Promise.all(answers.map(drain));
    await shop.mailTo(address);
    // Again, later, as Stripe does when an answer got lost; and as a new event about the same session.
    assert.equal((await shop.report(event)).status, 200);
    assert.equal((await shop.report({ ...event, id: 'evt_another' })).status, 200);
    await sleep(QUIET_MS);
    assert.equal((await shop.outbox()).filter(({ to }) => to === address).length, 1);
    assert.equal((await shop.orders()).length - earlier, await ordersPerPurchase());
  });

  /** A purchase may need more than one object: the order, and where refunds find it. */
  async function ordersPerPurchase() {
    const earlier = (await shop.orders()).length;
    await shop.buy();
    return (await shop.orders()).length - earlier;
  }

  it('what is not a paid purchase is taken note of, and nothing happens', async () => {
    const events = {
      'not paid yet': purchase({ payment_status: 'unpaid' }),
      'a subscription': purchase({ mode: 'subscription', payment_intent: null, subscription: 'sub_1' }),
      'a card being saved': purchase({ mode: 'setup', payment_status: 'no_payment_required', payment_intent: null }),
      'another kind of event': purchase({}, { type: 'payment_intent.created' }),
      'a kind that does not exist yet': purchase({}, { type: 'checkout.session.teleported' }),
    };
    await changesNothing(async () => {
      for (const [what, event] of Object.entries(events)) assert.equal((await shop.report(event)).status, 200, what);
    });
  });

  it('a purchase that costs nothing is a purchase', async () => {
    const event = purchase({ payment_status: 'no_payment_required', payment_intent: null, amount_total: 0 });
    assert.equal((await shop.report(event)).status, 200);
    assert.equal((await shop.mailTo(event.data.object.customer_details.email)).links.length, 1);
  });

  it('while the secret is rolled, both are good', async () => {
    const [old, fresh] = ['whsec_the_old_one_of_the_two', 'whsec_the_new_one_of_the_two'];
    await shop.restart({ secrets: { STRIPE_WEBHOOK_SECRET: `${old},${fresh}` } });
    assert.equal((await shop.report(purchase(), old)).status, 200);
    assert.equal((await shop.report(purchase(), fresh)).status, 200);
    assert.equal((await shop.report(purchase(), SECRET)).status, 400);
    // Stripe signs with both: one that holds is enough.
    const body = JSON.stringify(purchase());
    const at = now();
    const both = `${signature(body, 'whsec_of_somebody_else', at)},${signature(body, fresh, at).split(',')[1]}`;
    assert.equal((await post(body, { 'stripe-signature': both })).status, 200);
    await shop.restart();
  });
});
