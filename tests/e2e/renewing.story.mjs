import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { decoded, forged } from './jwt.mjs';
import { PRODUCT, SECRETS, drain, openShop, someAddress } from './shop.mjs';
import { zipOf } from './zip.mjs';

describe('a buyer who needs another link gets it by mail', () => {
  let shop;
  before(async () => {
    shop = await openShop({ vars: { MAX_RENEWALS: 2 } });
    await shop.publish(await zipOf({ 'guide/guide.txt': 'Ex libris' }));
  });
  after(() => shop.close());

  const renew = (link, browser = shop.browser()) => {
    const token = new URL(link).searchParams.get('token');
    return browser.fetch('/renew', { method: 'POST', body: new URLSearchParams({ token }) });
  };

  it('a used link says when, and offers another one: once', async () => {
    const { link, buyer } = await shop.buy();
    await drain(await shop.browser().download(link));
    const used = await shop.browser().fetch(link);
    assert.equal(used.status, 410);
    const page = (await drain(used)).toString();
    assert.match(page, /handed over on \d+ \w+ \d{4}, \d\d:\d\d UTC/);
    assert.match(page, /action="\/renew"/);

    const renewed = await renew(link);
    assert.equal(renewed.status, 202);
    const says = (await drain(renewed)).toString();
    assert.match(says, /b•••@example\.com/);
    assert.ok(!says.includes(buyer.email), 'the address itself is not shown');

    const [second] = (await shop.nextMailTo(buyer.email, 2)).links;
    assert.notEqual(second, link);
    const old = await shop.browser().fetch(link);
    assert.equal(old.status, 410);
    assert.match((await drain(old)).toString(), /newer link/);
    const delivered = await shop.browser().download(second);
    assert.equal(delivered.status, 200);
    await drain(delivered);

    const refused = await renew(second);
    assert.equal(refused.status, 410);
    const page2 = (await drain(refused)).toString();
    assert.match(page2, /has been used/);
    assert.doesNotMatch(page2, /action="\/renew"/, 'nothing is offered that is refused');
  });

  it('a link that works is not renewed', async () => {
    const { link, buyer } = await shop.buy();
    const answer = await renew(link);
    assert.equal(answer.status, 303);
    assert.equal(new URL(answer.headers.get('location'), shop.origin).href, link);
    await sleep(300);
    assert.equal((await shop.mailsTo(buyer.email)).length, 1);
  });

  it('a link that was taken back is not renewed', async () => {
    const { link, session } = await shop.buy();
    await drain(await shop.revoke({ session_id: session.id }));
    const answer = await renew(link);
    assert.equal(answer.status, 410);
    assert.match((await drain(answer)).toString(), /taken back/);
  });

  it('nobody else\'s token renews anything', async () => {
    const { link } = await shop.buy();
    const token = new URL(link).searchParams.get('token');
    const { header, claims } = decoded(token);
    const theirs = forged(header, claims, Buffer.alloc(32, 7));
    const answer = await shop.browser().fetch('/renew', { method: 'POST', body: new URLSearchParams({ token: theirs }) });
    assert.equal(answer.status, 404);
    await drain(answer);
    const bare = await shop.browser().fetch('/renew', { method: 'POST', body: new URLSearchParams({}) });
    assert.equal(bare.status, 404);
    await drain(bare);
  });

  it('who lost the mail has it sent again, unchanged, three times a day', async () => {
    const email = someAddress();
    const { link } = await shop.buy({ email });
    await shop.addressIsKnown(email);
    for (let times = 2; times <= 4; times += 1) {
      const answer = await shop.recover(email.toUpperCase().replace('EXAMPLE.COM', 'Example.com'));
      assert.equal(answer.status, 202);
      await drain(answer);
      assert.deepEqual((await shop.nextMailTo(email, times)).links, [link]);
    }
    await drain(await shop.recover(email));
    await sleep(1_000);
    assert.equal((await shop.mailsTo(email)).length, 4, 'the day\'s budget is spent');
    assert.equal((await shop.browser().fetch(link)).status, 200, 'and the link works all the same');
  });

  it('what was downloaded is not mailed again', async () => {
    const email = someAddress();
    const { link } = await shop.buy({ email });
    await shop.addressIsKnown(email);
    await drain(await shop.browser().download(link));
    await drain(await shop.recover(email));
    await sleep(1_000);
    assert.equal((await shop.mailsTo(email)).length, 1);
  });

  it('strangers learn nothing, and make nothing', async () => {
    const email = someAddress();
    await shop.buy({ email });
    await shop.addressIsKnown(email);
    const objects = (await shop.orders()).length;
    const [known, unknown] = [await shop.recover(email), await shop.recover(someAddress())];
    assert.equal(known.status, unknown.status);
    assert.equal((await drain(known)).toString(), (await drain(unknown)).toString());
    await sleep(500);
    assert.equal((await shop.orders()).length, objects);
    const nonsense = await shop.recover('nobody');
    assert.equal(nonsense.status, 400);
    await drain(nonsense);
  });

  it('a program recovers by JSON', async () => {
    const answer = await shop.fetch('/recover', {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({ email: someAddress() }),
    });
    assert.equal(answer.status, 202);
    assert.match((await answer.json()).status, /on their way/);
  });

  it('the operator reads who got what', async () => {
    const { link, session } = await shop.buy();
    const browser = shop.browser();
    const location = (await browser.press(link)).headers.get('location');
    await drain(await browser.fetch(location, {
      headers: { 'user-agent': 'Reader/1.0', 'cf-connecting-ip': '203.0.113.77' },
    }));
    const authorization = `Bearer ${SECRETS.ADMIN_TOKEN}`;
    const ask = (headers) => shop.fetch(`/admin/orders?order=${session.id}`, { headers });
    const refused = await ask({});
    assert.equal(refused.status, 401);
    await drain(refused);
    let order;
    // The end is told beside the response.
    for (let tries = 0; tries < 50 && !order?.deliveries[0]?.ended_at; tries += 1) {
      order = await (await ask({ authorization })).json();
      await sleep(100);
    }
    const [delivery] = order.deliveries;
    assert.equal(order.deliveries.length, 1);
    assert.equal(delivery.license, order.items[0].license);
    assert.equal(delivery.version, PRODUCT.version);
    assert.equal(delivery.ending, 'Whole');
    assert.equal(delivery.range.end, delivery.total);
    assert.ok(delivery.delivered_at && delivery.archive_etag && delivery.began_at);
    assert.equal(delivery.client.user_agent, 'Reader/1.0');
    assert.equal(delivery.client.network, '203.0.113.0/24');
    assert.equal(order.items[0].deliveries, 1);
    assert.equal((await shop.fetch('/admin/orders?order=cs_test_nobody', { headers: { authorization } })).status, 404);
  });
});

describe('a shop that allows two deliveries', () => {
  it('delivers to two browsers, and to no third', async () => {
    const shop = await openShop({ vars: { MAX_DELIVERIES: 2, MAX_REPLACEMENTS: 0 } });
    try {
      await shop.publish(await zipOf({ 'guide/guide.txt': 'Ex libris' }));
      const { link } = await shop.buy();
      const first = shop.browser();
      for (const browser of [first, shop.browser()]) {
        const delivered = await browser.download(link);
        assert.equal(delivered.status, 200);
        await drain(delivered);
      }
      const third = await shop.browser().fetch(link);
      assert.equal(third.status, 410);
      assert.doesNotMatch((await drain(third)).toString(), /action="\/renew"/);
      assert.equal((await first.download(link)).status, 200, 'the first one still may fetch again');
    } finally {
      await shop.close();
    }
  });
});
