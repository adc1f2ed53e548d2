import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkoutCompleted } from '../../src/cli/stripe-event.mjs';
import { API_KEY, ERRORS, openStripe } from './fake-stripe.mjs';
import { PRODUCT, drain, openShop, someAddress } from './shop.mjs';
import { filesIn, zipOf } from './zip.mjs';

const QUIET_MS = 1_500;
const HALF_AN_HOUR_S = 30 * 60;

const ago = (secs) => Math.floor(Date.now() / 1000) - secs;

describe('the buyer comes back from the checkout', () => {
  let shop;
  let stripe;
  before(async () => {
    stripe = await openStripe();
    shop = await openShop({ vars: stripe.vars, secrets: { STRIPE_API_KEY: API_KEY } });
    await shop.publish(await zipOf({ 'guide/guide.txt': 'Ex libris' }));
  });
  after(async () => {
    await shop.close();
    await stripe.close();
  });

  const checkout = (session = {}, event = {}) =>
    checkoutCompleted({ name: 'Ada', email: someAddress(), product: PRODUCT.id }, session, event);

  let visits = 0;
  /** The page that Stripe sends the buyer to. Each buyer comes from another network: one alone may not ask often. */
  const visit = async (id, browser = shop.browser()) => {
    const headers = { 'cf-connecting-ip': `203.0.113.${(visits += 1) % 256}` };
    const answer = await browser.fetch(`/download?session_id=${encodeURIComponent(id)}`, { headers });
    return { answer, status: answer.status, page: (await drain(answer)).toString() };
  };

  const tokenIn = (page) => page.match(/name="token" value="([^"]+)"/)?.[1];

  it('the webhook never came: the order is made, mailed, and offered at once', async () => {
    const session = stripe.keep(checkout().data.object);
    const address = session.customer_details.email;
    const browser = shop.browser();
    const { answer, status, page } = await visit(session.id, browser);
    assert.equal(status, 200);
    assert.match(page, /b•••@example\.com/);
    assert.ok(!page.includes(address), 'the address is masked');
    assert.equal(answer.headers.get('cache-control'), 'private, no-store');
    assert.equal(answer.headers.get('referrer-policy'), 'no-referrer');

    const [link] = (await shop.mailTo(address)).links;
    assert.equal(tokenIn(page), new URL(link).searchParams.get('token'), 'it is the link of the mail');
    const delivered = await browser.download(link);
    assert.ok((await filesIn(await drain(delivered))).has('guide/LICENSE.txt'));
    const again = await visit(session.id);
    assert.equal(tokenIn(again.page), undefined, 'it was good once');
    assert.match(again.page, /has been downloaded/);
  });

  it('fifty copies of one payment at once, half of them through the page: one order, one mail', async () => {
    const event = checkout();
    const session = stripe.keep(event.data.object);
    const earlier = (await shop.orders()).length;
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, async (_, at) => (at % 2 ? (await visit(session.id)).status : (await shop.report(event)).status)),
    );
    assert.deepEqual([...new Set(outcomes)], [200]);
    await shop.mailTo(session.customer_details.email);
    await sleep(QUIET_MS);
    assert.equal((await shop.mailsTo(session.customer_details.email)).length, 1);
    // The order, its payment, and the buyer's address.
    assert.equal((await shop.orders()).length - earlier, 3);
  });

  it('half an hour later it says where the link went, and opens nothing', async () => {
    const created = ago(HALF_AN_HOUR_S + 5);
    const event = checkout({}, { created });
    const session = stripe.keep(event.data.object, { charge: { created } });
    await shop.report(event);
    const { status, page } = await visit(session.id);
    assert.equal(status, 200);
    assert.match(page, /b•••@example\.com/);
    assert.equal(tokenIn(page), undefined);
  });

  it('a payment under way is told, with a way to look again', async () => {
    const session = stripe.keep(checkout({ payment_status: 'unpaid' }).data.object);
    const { status, page } = await visit(session.id);
    assert.equal(status, 202);
    assert.ok(page.includes(`name="session_id" value="${session.id}"`));
  });

  it('what is not a good payment is told in plain words, and leaves no trace', async () => {
    const earlier = (await shop.orders()).length;
    const cases = [
      ['still open', 409, checkout({ payment_status: 'unpaid', status: 'open' }), {}],
      ['expired', 410, checkout({ payment_status: 'unpaid', status: 'expired' }), {}],
      ['refunded', 410, checkout(), { charge: { amount_refunded: 4900, refunded: true } }],
      ['disputed', 410, checkout(), { charge: { disputed: true } }],
      ['of the other mode', 404, checkout({ livemode: true }), {}],
      ['about something else', 404, checkout({ metadata: {} }), { prices: ['price_other'] }],
    ];
    for (const [what, expected, event, more] of cases) {
      const session = stripe.keep(event.data.object, more);
      const { status, page } = await visit(session.id);
      assert.equal(status, expected, what);
      assert.equal(tokenIn(page), undefined, what);
      assert.ok(!page.includes('@example.com'), what);
    }
    // The disputed payment's place was asked how that ended, and is as empty as it was: no order.
    assert.equal((await shop.orders()).length, earlier + 1);
  });

  it('made-up ids make no order, and most of them no request', async () => {
    const [orders, requests] = [(await shop.orders()).length, stripe.requests.length];
    for (const id of ['', 'cs_test_', 'cs_live_a1b2', '{CHECKOUT_SESSION_ID}', '../../v1/charges', 'x'.repeat(5_000)]) {
      const { status } = await visit(id);
      assert.equal(status, 404, id);
    }
    assert.equal(stripe.requests.length, requests);
    assert.equal((await visit('cs_test_a1_made_up')).status, 404);
    assert.equal((await shop.orders()).length, orders);
  });

  it('while Stripe does not answer, the buyer is told that nothing is lost', { timeout: 60_000 }, async () => {
    const troubles = [ERRORS.broken, ERRORS.busy, ERRORS.busyFor(7), ERRORS.badKey, ERRORS.conflict, { line: 'close' }, { line: 'half' }, { line: 'hang' }];
    await Promise.all(
      troubles.map(async (trouble) => {
        const event = checkout();
        const session = stripe.keep(event.data.object);
        stripe.misbehave(session.id, [trouble]);
        const { answer, status, page } = await visit(session.id);
        assert.equal(status, 503, JSON.stringify(trouble));
        assert.ok(Number(answer.headers.get('retry-after')) > 0);
        assert.match(page, /Nothing is lost/);
        assert.equal((await visit(session.id)).status, 200);
      }),
    );
    assert.ok(!shop.logs().some((line) => line.includes(API_KEY)), 'the key is in no line');
  });

  it('one network can not ask without end', async () => {
    const headers = { 'cf-connecting-ip': '192.0.2.1' };
    const ask = () => shop.browser().fetch('/download?session_id=cs_test_a1_made_up', { headers });
    const answers = await Promise.all(Array.from({ length: 30 }, ask));
    await Promise.all(answers.map(drain));
    const statuses = answers.map(({ status }) => status);
    assert.ok(statuses.includes(429), statuses.join(' '));
  });
});
