import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { stripeId } from '../../src/cli/stripe-event.mjs';
import { drain, openShop } from './shop.mjs';
import { disputeEvent } from './stripe-money.mjs';
import { until } from './until.mjs';
import { zipOf } from './zip.mjs';

const QUIET_MS = 1_500;

describe('a buyer disputes the payment', () => {
  let shop;
  before(async () => {
    shop = await openShop();
    await shop.publish(await zipOf({ 'guide/guide.txt': 'Ex libris' }));
  });
  after(() => shop.close());

  /** What Stripe reports of one dispute, a second apart. */
  const dispute = (session) => {
    const id = stripeId('du_1');
    let created = Math.floor(Date.now() / 1000);
    return async (type, status) => {
      const answer = await shop.report(disputeEvent(`charge.dispute.${type}`, session, status, { id }, { created: (created += 1) }));
      assert.equal(answer.status, 200, await answer.text());
    };
  };

  const statusOf = async (link) => {
    const answer = await shop.browser().fetch(link);
    await drain(answer);
    return answer.status;
  };
  const becomes = (link, status) => until(async () => (await statusOf(link)) === status, `the link answers ${status}`);

  it('an inquiry changes nothing, however it ends', async () => {
    const { link, session } = await shop.buy();
    const says = dispute(session);
    await says('created', 'warning_needs_response');
    await says('updated', 'warning_under_review');
    await says('closed', 'warning_closed');
    await sleep(QUIET_MS);
    assert.equal(await statusOf(link), 200);
  });

  it('an open dispute suspends access; won, a new link is mailed; the old one stays dead', async () => {
    const { buyer, link, session } = await shop.buy();
    const says = dispute(session);
    await says('created', 'needs_response');
    await says('funds_withdrawn', 'needs_response');
    await becomes(link, 410);
    await says('updated', 'under_review');
    await says('closed', 'won');
    const [fresh] = (await shop.nextMailTo(buyer.email, 2)).links;
    assert.equal(await statusOf(link), 410);
    const delivered = await shop.browser().download(fresh);
    assert.equal(delivered.status, 200);
    await drain(delivered);
  });

  it('lost, access is gone for good', async () => {
    const { buyer, link, session } = await shop.buy();
    const says = dispute(session);
    await says('created', 'needs_response');
    await says('closed', 'lost');
    await becomes(link, 410);
    await sleep(QUIET_MS);
    assert.equal((await shop.mailsTo(buyer.email)).length, 1);
    const renewed = await shop.browser().fetch('/renew', {
      method: 'POST',
      body: new URLSearchParams({ token: new URL(link).searchParams.get('token') }),
    });
    assert.equal(renewed.status, 410);
    await drain(renewed);
  });

  it('the end of a dispute may arrive before its beginning', async () => {
    const { link, session } = await shop.buy();
    const id = stripeId('du_1');
    const created = Math.floor(Date.now() / 1000);
    const events = [
      disputeEvent('charge.dispute.closed', session, 'won', { id }, { created: created + 9 }),
      disputeEvent('charge.dispute.created', session, 'needs_response', { id }, { created }),
    ];
    for (const event of events) assert.equal((await shop.report(event)).status, 200);
    await sleep(QUIET_MS);
    assert.equal(await statusOf(link), 200);
  });

  it('a copy that is being downloaded is not resumed', async () => {
    const { link, session } = await shop.buy();
    const browser = shop.browser();
    await drain(await browser.fetch(link));
    const redeemed = await browser.press(link);
    await drain(redeemed);
    await dispute(session)('created', 'needs_response');
    await becomes(link, 410);
    const copy = await browser.fetch(redeemed.headers.get('location'));
    assert.equal(copy.status, 410);
    await drain(copy);
  });
});
