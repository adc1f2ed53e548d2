import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { drain, openShop, tombstoneKey } from './shop.mjs';
import { zipOf } from './zip.mjs';

const TOLD_WITHIN_MS = 10_000;

describe('KV knows less than the order, or something else', () => {
  let shop, kv;
  before(async () => {
    shop = await openShop();
    await shop.publish(await zipOf({ 'guide/guide.txt': 'Ex libris' }));
    kv = await shop.kv();
  });
  after(() => shop.close());

  /** Looks and presses as a new browser; both must be refused alike. */
  async function refused(link, words) {
    for (const answer of [await shop.browser().fetch(link), await shop.browser().press(link)]) {
      assert.equal(answer.status, 410);
      assert.match((await drain(answer)).toString(), words);
    }
  }

  /** Waits until an order has told KV all that it had to, and takes it out of memory. */
  async function asleep(order) {
    const until = Date.now() + TOLD_WITHIN_MS;
    while (Date.now() < until && !(await shop.stored(order)).items[0].links[0].indexed) await sleep(50);
    await shop.evict(order);
  }

  async function delivers(link) {
    const delivered = await shop.browser().download(link);
    assert.equal(delivered.status, 200);
    await drain(delivered);
  }

  it('a used link, of which KV was never told', async () => {
    const { link } = await shop.buy();
    await delivers(link);
    assert.equal(await kv.get(tombstoneKey(link)), null, 'its browser may still fetch again, so KV is not told yet');
    await refused(link, /has been used/);
  });

  it('a link that was taken back, and KV lost its tombstone', async () => {
    const { link, session } = await shop.buy();
    assert.equal((await shop.revoke({ session_id: session.id })).status, 200);
    await shop.tombstone(link);
    await kv.delete(tombstoneKey(link));
    await refused(link, /taken back/);
  });

  it('a link with a newer one in its place, and KV lost its tombstone', async () => {
    const { link, session } = await shop.buy();
    await delivers(link);
    const { url } = await (await shop.operate('/links', { session_id: session.id })).json();
    await shop.tombstone(link);
    await kv.delete(tombstoneKey(link));
    await refused(link, /newer link/);
    await delivers(url);
  });

  it("KV's no is believed without asking the order", async () => {
    const { link, session } = await shop.buy();
    await asleep(session.id);
    await kv.put(tombstoneKey(link), '"revoked"');
    await refused(link, /taken back/);
    await assert.rejects(shop.evict(session.id), /not currently running/, 'the order sleeps on');
    await kv.delete(tombstoneKey(link));
    await delivers(link);
  });

  it("another link's tombstone says nothing of this one", async () => {
    const [one, two] = [await shop.buy(), await shop.buy()];
    await kv.put(tombstoneKey(one.link), '"revoked"');
    await refused(one.link, /taken back/);
    await delivers(two.link);
  });

  it('what cannot be read in KV is no no', async () => {
    const { link } = await shop.buy();
    for (const nonsense of ['', 'spent', '{"used":', '"buried"', '410']) {
      await kv.put(tombstoneKey(link), nonsense);
      const page = await shop.browser().fetch(link);
      assert.equal(page.status, 200, nonsense);
      await drain(page);
    }
    await delivers(link);
    await refused(link, /has been used/);
  });

  it('KV is asked before a lease, and the order of a lease that runs', async () => {
    const { link } = await shop.buy();
    const browser = shop.browser();
    const location = (await browser.press(link)).headers.get('location');
    await kv.put(tombstoneKey(link), '"superseded"');
    const copy = await browser.fetch(location);
    assert.equal(copy.status, 200, 'who began may end: the order knows');
    await drain(copy);
    await refused(link, /newer link/);
  });
});
