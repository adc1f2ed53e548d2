import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { drain, openShop } from './shop.mjs';
import { SlowClient } from './slow-client.mjs';
import { zipOf } from './zip.mjs';

/** More than the network swallows at once, so that 'in the middle' is one. */
const ARCHIVE_BYTES = 24 * 1024 * 1024;
const MIDDLE = ARCHIVE_BYTES / 4;

describe("the platform takes the order's object out of memory", () => {
  let shop, archive, total;
  before(async () => {
    shop = await openShop();
    archive = await zipOf({ 'plates/plates.bin': randomBytes(ARCHIVE_BYTES) });
    await shop.publish(archive);
    total = (await drain(await shop.browser().download((await shop.buy()).link))).length;
  });
  after(() => shop.close());

  /** Bought, and the button pressed. */
  async function leased() {
    const { link, session } = await shop.buy();
    const browser = shop.browser();
    const location = new URL((await browser.press(link)).headers.get('location'), shop.origin).href;
    const evict = async () => {
      // What sleeps can't be evicted.
      await shop.stored(session.id);
      await shop.evict(session.id);
    };
    return { link, browser, location, evict };
  }

  /** The whole copy: its beginning is the archive's, and its end is that of a ZIP of this length. */
  function isWhole(copy) {
    assert.equal(copy.length, total);
    const directory = archive.indexOf('PK\x01\x02', archive.length - 1_000, 'latin1');
    assert.ok(copy.subarray(0, directory).equals(archive.subarray(0, directory)));
    assert.equal(copy.readUInt32LE(copy.length - 22), 0x06054b50, 'the end of the central directory');
  }

  /** Used up, once: nobody else gets it, also after another eviction; its buyer may fetch again. */
  async function countedOnce({ link, browser, location, evict }) {
    assert.equal((await shop.browser().press(link)).status, 410);
    await evict();
    assert.equal((await shop.browser().press(link)).status, 410);
    const again = await browser.fetch(location, { headers: { range: 'bytes=-100' } });
    assert.equal(again.status, 206);
    await drain(again);
  }

  it('between the button and the file', async () => {
    const download = await leased();
    await download.evict();
    assert.equal((await shop.browser().press(download.link)).status, 409, 'the lease is remembered');
    isWhole(await drain(await download.browser.fetch(download.location)));
    await countedOnce(download);
  });

  it('in the middle of the stream', async () => {
    const download = await leased();
    const client = await SlowClient.open(download.location, { cookie: download.browser.cookie() });
    await client.read(MIDDLE);
    await download.evict();
    const other = await shop.browser().press(download.link);
    assert.equal(other.status, 409, 'that it runs is remembered');
    await client.read();
    isWhole(client.received);
    await countedOnce(download);
  });

  it('again and again while the stream runs', async () => {
    const download = await leased();
    const client = await SlowClient.open(download.location, { cookie: download.browser.cookie() });
    const parts = 12;
    for (let part = 1; part < parts; part += 1) {
      await client.read((total * part) / parts);
      await download.evict();
    }
    await client.read();
    isWhole(client.received);
    await countedOnce(download);
  });

  it('in the middle of a stream that breaks off: it goes on', async () => {
    const download = await leased();
    const client = await SlowClient.open(download.location, { cookie: download.browser.cookie() });
    await client.read(MIDDLE);
    await download.evict();
    client.hangUp();
    await download.evict();
    const headers = { range: `bytes=${client.received.length}-`, 'if-range': client.headers.etag };
    const rest = await download.browser.fetch(download.location, { headers });
    assert.equal(rest.status, 206);
    isWhole(Buffer.concat([client.received, await drain(rest)]));
    await countedOnce(download);
  });
});
