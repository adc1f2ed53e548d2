import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkoutCompleted } from '../../src/cli/stripe-event.mjs';
import { PRODUCT, drain, openShop, someAddress } from './shop.mjs';
import { chargeRefunded, refundEvent } from './stripe-money.mjs';
import { until } from './until.mjs';
import { zipOf } from './zip.mjs';

/** Long enough for a mail that must not come: those that must come take a tenth of it. */
const QUIET_MS = 1_500;

const later = (secs) => ({ created: Math.floor(Date.now() / 1000) + secs });

describe('money goes back, and so does access', () => {
  let shop;
  before(async () => {
    shop = await openShop();
    await shop.publish(await zipOf({ 'guide/guide.txt': 'Ex libris' }));
  });
  after(() => shop.close());

  const report = async (event) => {
    const answer = await shop.report(event);
    assert.equal(answer.status, 200, await answer.text());
  };

  /** What the link answers, once it answers that. */
  const answers = (link, status) =>
    until(async () => {
      const answer = await shop.browser().fetch(link);
      const page = (await drain(answer)).toString();
      return answer.status === status && page;
    }, `the link answers ${status}`);

  it('a full refund revokes the link, whichever of its events arrives', async () => {
    for (const refund of [chargeRefunded, (session) => refundEvent('refund.created', session)]) {
      const { link, session } = await shop.buy();
      await answers(link, 200);
      await report(refund(session));
      assert.match(await answers(link, 410), /taken back/);
      const pressed = await shop.browser().press(link);
      assert.equal(pressed.status, 410);
      await drain(pressed);
    }
  });

  it('a refund before its purchase: no mail goes out, and there is no link that works', async () => {
    const event = checkoutCompleted({ name: 'Ada', email: someAddress(), product: PRODUCT.id });
    const session = event.data.object;
    await report(refundEvent('refund.created', session));
    await report(event);
    await sleep(QUIET_MS);
    assert.deepEqual(await shop.mailsTo(session.customer_details.email), []);
    const stored = await shop.stored(session.id);
    assert.equal(stored.stripe.withdrawn.why, 'Refunded');
    assert.ok(stored.items[0].links.every((link) => link.revoked_at));
  });

  it('a refund that fails gives a new link by mail', async () => {
    const { buyer, link, session } = await shop.buy();
    const id = 're_that_fails';
    await report(refundEvent('refund.created', session, { id, status: 'pending' }));
    await answers(link, 410);
    await report(refundEvent('refund.failed', session, { id }, later(5)));
    const [fresh] = (await shop.nextMailTo(buyer.email, 2)).links;
    assert.notEqual(fresh, link);
    await answers(link, 410);
    const delivered = await shop.browser().download(fresh);
    assert.equal(delivered.status, 200);
    await drain(delivered);
  });

  it('what failed, but arrives before what it undoes, changes nothing', async () => {
    const { link, session, buyer } = await shop.buy();
    const id = 're_out_of_order';
    await report(refundEvent('refund.failed', session, { id }, later(5)));
    await report(refundEvent('refund.created', session, { id }));
    await sleep(QUIET_MS);
    await answers(link, 200);
    assert.equal((await shop.mailsTo(buyer.email)).length, 1);
  });

  it('the same refund ten times at once is one refund', async () => {
    const { link, session } = await shop.buy();
    const event = chargeRefunded(session);
    await Promise.all(Array.from({ length: 10 }, () => report(event)));
    await answers(link, 410);
  });

  it('what the operator took back, no failed refund brings again', async () => {
    const { buyer, link, session } = await shop.buy();
    const id = 're_of_the_operator';
    await report(refundEvent('refund.created', session, { id }));
    await answers(link, 410);
    assert.equal((await shop.revoke({ session_id: session.id })).status, 200);
    await report(refundEvent('refund.failed', session, { id }, later(5)));
    await sleep(QUIET_MS);
    await answers(link, 410);
    assert.equal((await shop.mailsTo(buyer.email)).length, 1);
  });

  it('live events wait with Stripe while the key is a test key, and the operator hears of it', async () => {
    const { link, session } = await shop.buy();
    assert.equal((await shop.report({ ...chargeRefunded(session), livemode: true })).status, 503);
    const live = checkoutCompleted({ name: 'Ada', email: someAddress(), product: PRODUCT.id }, {}, { livemode: true });
    assert.equal((await shop.report(live)).status, 503);
    await sleep(QUIET_MS);
    await answers(link, 200);
    assert.deepEqual(await shop.mailsTo(live.data.object.customer_details.email), []);
    assert.ok(shop.logs().some((line) => line.includes('"alarm":"operator"') && line.includes('mode-mismatch')));
  });

  it('a part that is given back leaves access, unless the setting says otherwise', async () => {
    const kept = await shop.buy();
    await report(chargeRefunded(kept.session, 1_000));
    await sleep(QUIET_MS);
    await answers(kept.link, 200);

    await shop.restart({ vars: { PARTIAL_REFUNDS: 'revoke' } });
    const revoked = await shop.buy();
    await report(chargeRefunded(revoked.session, 1_000));
    await answers(revoked.link, 410);
    await shop.restart();
  });
});
