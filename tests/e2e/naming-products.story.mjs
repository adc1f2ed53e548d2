import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkoutCompleted } from '../../src/cli/stripe-event.mjs';
import { API_KEY, ERRORS, openStripe } from './fake-stripe.mjs';
import { PRODUCT, openShop, someAddress } from './shop.mjs';
import { refundEvent } from './stripe-money.mjs';
import { until } from './until.mjs';
import { zipOf } from './zip.mjs';

const QUIET_MS = 1_500;

/** An order that got no answer asks again after half a minute; a request is given up after ten seconds. */
const ASKED_AGAIN_WITHIN_MS = 90_000;

const GUIDE = { ...PRODUCT, prices: ['price_guide', 'price_guide_eur'], payment_links: ['plink_guide'] };
const ATLAS = { ...PRODUCT, id: 'atlas', name: 'The Atlas', archive: 'atlas.zip', filename: 'atlas.zip', prices: ['price_atlas'] };
const LATER = { ...PRODUCT, id: 'not-yet', name: 'The Sequel', archive: 'sequel.zip', filename: 'sequel.zip' };

describe('a session names its products', () => {
  let shop;
  let stripe;
  const settings = (products) => ({
    vars: { ...stripe.vars, PRODUCTS: products, MAIL_SPEEDUP: 30 },
    secrets: { STRIPE_API_KEY: API_KEY },
  });
  before(async () => {
    stripe = await openStripe();
    shop = await openShop(settings([GUIDE, ATLAS]));
    for (const product of [GUIDE, ATLAS, LATER]) await shop.publish(await zipOf({ 'guide/guide.txt': product.id }), product);
  });
  after(async () => {
    await shop.close();
    await stripe.close();
  });

  /** A checkout that says no more of what it sells than this. */
  const checkout = (session) =>
    checkoutCompleted({ name: 'Ada', email: someAddress(), product: PRODUCT.id }, { metadata: {}, ...session });

  const report = async (event) => {
    const started = Date.now();
    const answer = await shop.report(event);
    assert.equal(answer.status, 200, await answer.text());
    return Date.now() - started;
  };

  /** What the mail about a session links to. */
  const mailed = async (event) => (await shop.mailTo(event.data.object.customer_details.email)).links;

  const asked = (event) => stripe.requestsFor(event.data.object.id).length;

  it('by its metadata: several with commas between are one mail, one link each', async () => {
    const event = checkout({ metadata: { product: 'atlas, field-guide' } });
    await report(event);
    const links = await mailed(event);
    assert.equal(links.length, 2);
    const pages = await Promise.all(links.map(async (link) => (await shop.browser().fetch(link)).text()));
    assert.ok(pages[0].includes(ATLAS.name) && pages[1].includes(GUIDE.name));
    assert.equal(asked(event), 0, 'Stripe is not asked what is known');
  });

  it('by its payment link', async () => {
    const event = checkout({ payment_link: 'plink_guide' });
    stripe.keep(event.data.object, { prices: ['price_of_the_link', 'price_atlas'] });
    await report(event);
    assert.equal((await mailed(event)).length, 2, 'what else was in the basket is no less paid for');
  });

  it('by its prices: Stripe is asked, and the webhook does not wait for it', async () => {
    const event = checkout();
    stripe.keep(event.data.object, { prices: ['price_atlas', 'price_other', 'price_guide'] });
    await report(event);
    assert.equal((await mailed(event)).length, 2);
    const [request] = stripe.requestsFor(event.data.object.id);
    assert.equal(request.method, 'GET');
    assert.equal(request.version, '2026-10-28.endive');
    assert.deepEqual(request.query.getAll('expand[]'), ['line_items', 'payment_intent.latest_charge']);
  });

  it('by the last of many prices', async () => {
    const event = checkout();
    stripe.keep(event.data.object, { prices: [...Array.from({ length: 99 }, (_, at) => `price_${at}`), 'price_atlas'] });
    await report(event);
    assert.equal((await mailed(event)).length, 1);
  });

  it('what is none of ours is forgotten, with a line in the log', async () => {
    const event = checkout();
    stripe.keep(event.data.object, { prices: ['price_other', null] });
    await report(event);
    await until(async () => asked(event) > 0, 'Stripe is asked');
    await until(async () => (await shop.stored(event.data.object.id)) === null, 'the order is forgotten');
    assert.deepEqual(await shop.mailsTo(event.data.object.customer_details.email), []);
    assert.ok(shop.logs().some((line) => line.includes('nothing of ours')));
    // Stripe reports it again, and it is as before.
    await report(event);
    await until(async () => asked(event) > 1, 'Stripe is asked again');
    await until(async () => (await shop.stored(event.data.object.id)) === null, 'the order is forgotten again');
  });

  it('whatever Stripe answers at first: in the end there is one mail', { timeout: ASKED_AGAIN_WITHIN_MS + 30_000 }, async () => {
    const troubles = {
      'bad request': ERRORS.badRequest,
      'bad key': ERRORS.badKey,
      conflict: ERRORS.conflict,
      unprocessable: ERRORS.unprocessable,
      busy: ERRORS.busy,
      'busy for a second': ERRORS.busyFor(1),
      broken: ERRORS.broken,
      'no such session': { status: 404, body: { error: { code: 'resource_missing', type: 'invalid_request_error' } } },
      'no JSON': { status: 200, body: 'gateway' },
      'never answers': { line: 'hang' },
      'closes at once': { line: 'close' },
      'closes half-way': { line: 'half' },
    };
    const events = await Promise.all(
      Object.values(troubles).map(async (trouble) => {
        const event = checkout();
        stripe.keep(event.data.object, { prices: ['price_guide'] });
        stripe.misbehave(event.data.object.id, [trouble]);
        const took = await report(event);
        assert.ok(took < 5_000, `the webhook answered after ${took} ms`);
        return event;
      }),
    );
    const all = async () => {
      const counts = await Promise.all(events.map((event) => shop.mailsTo(event.data.object.customer_details.email)));
      return counts.every((mails) => mails.length === 1);
    };
    await until(all, 'a mail for each', ASKED_AGAIN_WITHIN_MS);
    for (const [at, event] of events.entries()) {
      assert.equal(asked(event), 2, Object.keys(troubles)[at]);
    }
    assert.ok(shop.logs().some((line) => line.includes('stripe-refused')), 'the operator hears of the key');
    assert.ok(!shop.logs().some((line) => line.includes(API_KEY)), 'the key is in no line');
  });

  it('a refund while nobody knows yet what was bought: no mail', async () => {
    const event = checkout();
    stripe.keep(event.data.object, { prices: ['price_guide'] });
    await report(refundEvent('refund.created', event.data.object));
    await report(event);
    await until(async () => (await shop.stored(event.data.object.id))?.items.length === 1, 'it is named');
    await sleep(QUIET_MS);
    assert.deepEqual(await shop.mailsTo(event.data.object.customer_details.email), []);
  });

  it('a product that is not configured raises the alarm, and is fulfilled once it is', async () => {
    const event = checkout({ metadata: { product: LATER.id } });
    await report(event);
    await until(async () => shop.logs().some((line) => line.includes('unknown-product') && line.includes(LATER.id)), 'the alarm');
    assert.deepEqual(await shop.mailsTo(event.data.object.customer_details.email), []);
    await shop.restart(settings([GUIDE, ATLAS, LATER]));
    const address = event.data.object.customer_details.email;
    const mail = await until(async () => (await shop.mailsTo(address))[0], 'the mail', ASKED_AGAIN_WITHIN_MS);
    assert.equal(mail.links.length, 1);
    assert.ok((await (await shop.browser().fetch(mail.links[0])).text()).includes(LATER.name));
  });

  it('the buyer is noted with all that Stripe knows of them', async () => {
    const name = `Z\u0301oe "the first" \u202e${'x'.repeat(300)}`;
    const event = checkout({
      metadata: { product: PRODUCT.id },
      custom_fields: [{ key: 'company', label: { custom: 'Company', type: 'custom' }, optional: true, text: { value: 'Engines\nLtd' }, type: 'text' }],
    });
    const details = event.data.object.customer_details;
    Object.assign(details, { name, business_name: null, tax_ids: [{ type: 'eu_vat', value: 'NL123456789B01' }] });
    event.data.object.collected_information.business_name = null;
    await shop.restart({ ...settings([GUIDE, ATLAS]), vars: { ...settings([GUIDE, ATLAS]).vars, ORGANISATION_FIELD: 'company' } });
    await report(event);
    const { purchase } = await shop.stored(event.data.object.id);
    assert.equal(purchase.buyer.organisation, 'Engines Ltd');
    assert.deepEqual(purchase.buyer.tax_ids, [{ kind: 'eu_vat', value: 'NL123456789B01' }]);
    assert.equal(purchase.buyer.country, 'NL');
    assert.ok(purchase.buyer.name.startsWith('Z\u0301oe "the first" x') && purchase.buyer.name.length < 300);
  });
});
