import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { drain, openShop, tombstoneKey } from './shop.mjs';
import { SlowClient } from './slow-client.mjs';
import { zipOf } from './zip.mjs';

/** Half an hour by default. Shortened, so that the end can be waited for. */
const LEASE_IDLE_MINUTES = 1;
const LEASE_IDLE_MS = LEASE_IDLE_MINUTES * 60_000;

/** Whole seconds are counted, and an alarm rings a moment later. */
const MARGIN_MS = 3_000;

/** More than the network swallows at once. */
const ARCHIVE_BYTES = 24 * 1024 * 1024;

// All at once, since each waits for a minute.
describe('a lease ends, a while after its last sign of life', { concurrency: true }, () => {
  let shop;
  before(async () => {
    shop = await openShop({ vars: { LEASE_IDLE_MINUTES } });
    await shop.publish(await zipOf({ 'plates/plates.bin': randomBytes(ARCHIVE_BYTES) }));
  });
  after(() => shop.close());

  async function leased() {
    const { link } = await shop.buy();
    const browser = shop.browser();
    const location = new URL((await browser.press(link)).headers.get('location'), shop.origin).href;
    return { link, browser, location };
  }

  const leaseEnds = () => sleep(LEASE_IDLE_MS + MARGIN_MS);

  async function isOver(browser, location, headers = {}) {
    const answer = await browser.fetch(location, { headers });
    assert.equal(answer.status, 410);
    assert.match((await drain(answer)).toString(), /over, or goes on elsewhere/);
  }

  it('nothing was asked of it: it opens nothing any more, and the button gives a new one', async () => {
    const { link, browser, location } = await leased();
    await leaseEnds();
    await isOver(browser, location);
    const redeemed = await browser.press(link);
    assert.equal(redeemed.status, 303);
    const copy = await browser.fetch(redeemed.headers.get('location'));
    assert.equal(copy.status, 200);
    await drain(copy);
  });

  it('it delivered: its browser is refused like all others, and KV knows', async () => {
    const { link, browser, location } = await leased();
    await drain(await browser.fetch(location));
    assert.equal((await browser.press(link)).status, 303, 'until then it may fetch again');
    await leaseEnds();
    await isOver(browser, location);
    assert.match(await shop.tombstone(link), /used/);
    for (const buried of [true, false]) {
      if (!buried) await (await shop.kv()).delete(tombstoneKey(link));
      const late = await browser.press(link);
      assert.equal(late.status, 410);
      assert.match((await drain(late)).toString(), /has been used/);
    }
  });

  it('its download broke off: the same browser still goes on where it stopped, by a new one', async () => {
    const { link, browser, location } = await leased();
    const client = await SlowClient.open(location, { cookie: browser.cookie() });
    const total = Number(client.headers['content-length']);
    await client.read(total / 4);
    client.hangUp();
    await leaseEnds();
    const headers = { range: `bytes=${client.received.length}-`, 'if-range': client.headers.etag };
    await isOver(browser, location, headers);
    const redeemed = await browser.press(link);
    assert.equal(redeemed.status, 303);
    const fresh = redeemed.headers.get('location');
    const rest = await browser.fetch(fresh, { headers });
    assert.equal(rest.status, 206);
    const joined = Buffer.concat([client.received, await drain(rest)]);
    assert.ok(joined.equals(await drain(await browser.fetch(fresh))));
    assert.equal((await shop.browser().press(link)).status, 410);
  });
});
