import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { checkoutCompleted } from '../../src/cli/stripe-event.mjs';
import { API_KEY, ERRORS, openStripe } from './fake-stripe.mjs';
import { PRODUCT, openShop, someAddress } from './shop.mjs';
import { refundEvent } from './stripe-money.mjs';
import { until } from './until.mjs';

const PUBLIC_URL = 'https://downloads.paperstreet.example';

/** An event is given ten minutes to arrive by itself; a look goes back as far again. */
const LOST_S = 11 * 60;
const ago = (secs) => ({ created: Math.floor(Date.now() / 1000) - secs });

describe('webhooks get lost, and the watchdog makes up for them', () => {
  let shop;
  let stripe;
  before(async () => {
    stripe = await openStripe();
    shop = await openShop({ vars: { ...stripe.vars, PUBLIC_URL }, secrets: { STRIPE_API_KEY: API_KEY } });
  });
  after(async () => {
    await shop.close();
    await stripe.close();
  });

  const checkout = (session, event) => checkoutCompleted({ name: 'Ada', email: someAddress(), product: PRODUCT.id }, session, event);

  /** One run, and what it logged of itself. */
  const run = async () => {
    const seen = shop.logs().length;
    await shop.cron();
    const line = await until(async () => shop.logs().slice(seen).find((line) => line.includes('"cron":"watchdog"')), 'the run is logged');
    return JSON.parse(line.slice(line.indexOf('{')));
  };
  const alarms = () => shop.logs().filter((line) => line.includes('"alarm":"operator"') && line.includes('webhooks-missing'));

  it('nothing was lost: nothing is said', async () => {
    const event = checkout({}, ago(LOST_S));
    assert.equal((await shop.report(event)).status, 200);
    stripe.list(event);
    const { events, missing, unfit } = await run();
    assert.deepEqual({ events, missing, unfit }, { events: 1, missing: 0, unfit: 0 });
    assert.deepEqual(alarms(), []);
    const [request] = stripe.requestsFor('/v1/events');
    assert.ok(request.query.getAll('types[]').includes('checkout.session.completed'));
    assert.ok(request.query.getAll('types[]').length <= 20, 'Stripe takes twenty types at most');
  });

  it('what was lost is fulfilled, page by page, and the operator hears of it once', async () => {
    const lost = Array.from({ length: 45 }, (_, at) => checkout({}, ago(LOST_S + at)));
    stripe.list(...lost);
    const fresh = checkout();
    stripe.list(fresh);
    const { missing, more } = await run();
    assert.deepEqual({ missing, more }, { missing: 45, more: false });
    const all = async () => {
      const mails = new Set((await shop.outbox()).map(({ to }) => to));
      return lost.every((event) => mails.has(event.data.object.customer_details.email));
    };
    await until(all, 'a mail for each', 60_000);
    const mail = await shop.mailTo(lost[0].data.object.customer_details.email);
    assert.ok(mail.links[0].startsWith(`${PUBLIC_URL}/download?token=`));
    assert.deepEqual(await shop.mailsTo(fresh.data.object.customer_details.email), [], 'what may still arrive is left alone');
    assert.equal(alarms().length, 1);
    assert.equal((await run()).missing, 0);
    assert.equal(alarms().length, 1);
  });

  it('a refund that was lost ends access', async () => {
    const { session } = await shop.buy();
    stripe.list(refundEvent('refund.created', session, {}, ago(LOST_S)));
    assert.equal((await run()).missing, 1);
    await until(async () => (await shop.stored(session.id)).stripe.withdrawn, 'access is withdrawn');
  });

  it('Stripe does not answer: the next run goes on', async () => {
    const event = checkout({}, ago(LOST_S));
    stripe.list(event);
    for (const trouble of [ERRORS.broken, ERRORS.busy, { line: 'close' }, { line: 'half' }]) {
      stripe.misbehave('/v1/events', [trouble]);
      assert.equal((await run()).code, 'unavailable');
    }
    stripe.misbehave('/v1/events', [ERRORS.badKey]);
    await run();
    assert.ok(shop.logs().some((line) => line.includes('stripe-refused')));
    assert.equal((await run()).missing, 1);
    await shop.mailTo(event.data.object.customer_details.email);
    assert.ok(!shop.logs().some((line) => line.includes(API_KEY)), 'the key is in no line');
  });

  it('without PUBLIC_URL it says so', async () => {
    await shop.restart({ vars: stripe.vars, secrets: { STRIPE_API_KEY: API_KEY } });
    const { detail } = await run();
    assert.match(detail, /PUBLIC_URL/);
  });
});
