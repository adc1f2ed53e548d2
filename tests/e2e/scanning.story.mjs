import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { drain, openShop } from './shop.mjs';
import { filesIn, zipOf } from './zip.mjs';

const SCANNERS = 10;

/** A minute by default. Shortened, so that the wait can be waited for. */
const ABANDONED_AFTER_SECS = 3;

describe('mail scanners are quicker than the buyer', () => {
  let shop;
  before(async () => {
    shop = await openShop({ vars: { ABANDONED_AFTER_SECS } });
    await shop.publish(await zipOf({ 'guide/guide.txt': 'Ex libris' }));
  });
  after(() => shop.close());

  /** Looks at the link, and submits the form that it finds there, field by field. */
  async function scan(link) {
    const scanner = shop.browser();
    await drain(await scanner.fetch(link, { method: 'HEAD' }));
    const page = (await drain(await scanner.fetch(link))).toString();
    const [, action] = page.match(/<form method="post" action="([^"]+)"/) ?? [];
    if (!action) return { scanner, status: 'no form' };
    const fields = [...page.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)].map(([, name, value]) => [name, value]);
    const answer = await scanner.fetch(action, { method: 'POST', body: new URLSearchParams(fields) });
    await drain(answer);
    return { scanner, status: answer.status, location: answer.headers.get('location') };
  }

  async function isFile(answer) {
    assert.equal(answer.status, 200);
    assert.ok((await filesIn(await drain(answer))).has('guide/LICENSE.txt'));
  }

  it('ten of them look and post the form: the buyer waits no longer than is said, and has the file', async () => {
    const { link } = await shop.buy();
    const scans = await Promise.all(Array.from({ length: SCANNERS }, () => scan(link)));
    assert.equal(scans.filter(({ status }) => status === 303).length, 1, 'one of them was given a lease');

    const buyer = shop.browser();
    const waits = await buyer.fetch(link);
    assert.equal(waits.status, 409);
    const seconds = Number(waits.headers.get('retry-after'));
    assert.ok(seconds >= 1 && seconds <= ABANDONED_AFTER_SECS, String(seconds));
    assert.match((await drain(waits)).toString(), new RegExp(`in about ${seconds === 1 ? 'a second' : `${seconds} seconds`}`));
    assert.equal((await buyer.press(link)).status, 409);
    await sleep(seconds * 1000);
    await isFile(await buyer.download(link));
  });

  it('one that knocks again and again gets the same lease, and does not prolong it', async () => {
    const { link } = await shop.buy();
    const until = Date.now() + ABANDONED_AFTER_SECS * 1000;
    const { scanner, location } = await scan(link);
    while (Date.now() < until) {
      const again = await scanner.press(link);
      assert.equal(again.headers.get('location'), location);
      await sleep(250);
    }
    await sleep(1000);
    await isFile(await shop.browser().download(link));
  });

  it('one that follows to the file and keeps no cookies gets none of it', async () => {
    const { link } = await shop.buy();
    const { status, location } = await scan(link);
    assert.equal(status, 303);
    for (const method of ['HEAD', 'GET']) {
      const answer = await shop.fetch(location, { method });
      assert.equal(answer.status, 403);
      await drain(answer);
    }
    await sleep(ABANDONED_AFTER_SECS * 1000);
    await isFile(await shop.browser().download(link));
  });

  it('one that asks for the head of the file does not count', async () => {
    const { link } = await shop.buy();
    const { scanner, location } = await scan(link);
    const head = await scanner.fetch(location, { method: 'HEAD' });
    assert.equal(head.status, 200);
    await sleep(ABANDONED_AFTER_SECS * 1000);
    await isFile(await shop.browser().download(link));
  });
});
