import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { drain, openShop } from './shop.mjs';
import { SlowClient } from './slow-client.mjs';
import { zipOf } from './zip.mjs';

const ARCHIVE_BYTES = 64 * 1024 * 1024;

/** The network swallows 5 to 8 MB: who is killed there has not delivered yet. */
const EARLY = [10, 50];

/** Who is killed there has the rest on its way already, and 95 % is a delivery. */
const LATE = 90;

const HANDED_OVER_WITHIN_MS = 10_000;

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

describe('a connection is lost in the middle of a large download', () => {
  let shop;
  before(async () => {
    shop = await openShop();
    // Random, so that it does not compress, and no part of it is like another.
    await shop.publish(await zipOf({ 'plates/plates.bin': randomBytes(ARCHIVE_BYTES) }));
  });
  after(() => shop.close());

  /** Starts a download, and reads so many per cent of it. The connection stays open. */
  async function begun(percent) {
    const { link, session } = await shop.buy();
    const browser = shop.browser();
    const location = new URL((await browser.press(link)).headers.get('location'), shop.origin).href;
    const client = await SlowClient.open(location, { cookie: browser.cookie() });
    assert.equal(client.status, 200);
    const total = Number(client.headers['content-length']);
    await client.read((total * percent) / 100);
    assert.ok(client.received.length < total, 'it is in the middle');
    return { link, session, browser, location, client, total };
  }

  /** What an uninterrupted download of the same copy gives. */
  const whole = async ({ browser, location }) => sha256(await drain(await browser.fetch(location)));

  /** Goes on where the client was when it hung up. */
  function goOn({ browser, location, client }) {
    const headers = { range: `bytes=${client.received.length}-`, 'if-range': client.headers.etag };
    return browser.fetch(location, { headers });
  }

  async function isUsedUp(link) {
    const late = await shop.browser().press(link);
    assert.equal(late.status, 410);
    assert.match((await drain(late)).toString(), /has been used/);
  }

  for (const percent of [...EARLY, LATE]) {
    it(`at ${percent} %: the same browser goes on there, and has the whole of it`, async () => {
      const download = await begun(percent);
      download.client.hangUp();
      const rest = await goOn(download);
      assert.equal(rest.status, 206);
      const joined = Buffer.concat([download.client.received, await drain(rest)]);
      assert.equal(joined.length, download.total);
      assert.equal(sha256(joined), await whole(download));
      await isUsedUp(download.link);
    });
  }

  for (const percent of EARLY) {
    it(`at ${percent} %: another browser waits while it runs, and takes over once it broke off`, async () => {
      const download = await begun(percent);
      const other = shop.browser();
      const waits = await other.press(download.link);
      assert.equal(waits.status, 409);
      assert.ok(Number(waits.headers.get('retry-after')) > 0);
      assert.match((await drain(waits)).toString(), /Already being downloaded/);

      download.client.hangUp();
      const redeemed = await other.pressUntilFree(download.link);
      assert.equal(redeemed.status, 303);
      assert.equal((await goOn(download)).status, 410, 'the first lease died');
      const copy = await drain(await other.fetch(redeemed.headers.get('location')));
      assert.equal(copy.length, download.total);
      assert.ok(copy.subarray(0, download.client.received.length).equals(download.client.received), 'the same copy');
      await isUsedUp(download.link);
    });
  }

  it(`at ${LATE} %: the network has the rest, so it was handed over; who lost it still gets it`, async () => {
    const download = await begun(LATE);
    const until = Date.now() + HANDED_OVER_WITHIN_MS;
    while ((await shop.browser().press(download.link)).status === 409 && Date.now() < until) await sleep(50);
    await isUsedUp(download.link);
    download.client.hangUp();
    await isUsedUp(download.link);
    const rest = await goOn(download);
    assert.equal(rest.status, 206);
    const joined = Buffer.concat([download.client.received, await drain(rest)]);
    assert.equal(sha256(joined), await whole(download));
  });
});
