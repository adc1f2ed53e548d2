import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { PRODUCT, drain, openShop } from './shop.mjs';
import { filesIn, zipOf } from './zip.mjs';

/** A second product, with texts of its own. */
const OTHER = { ...PRODUCT, id: 'atlas', archive: 'atlas.zip' };
const PRODUCTS = [PRODUCT, OTHER];
const GUIDE = { 'guide/guide.txt': 'Ex libris' };

describe('the archive or a text is broken, and the operator mends it', () => {
  let shop;
  before(async () => {
    shop = await openShop({ vars: { PRODUCTS } });
  });
  after(() => shop.close());

  /**
   * Breaks something, sees an error instead of an archive, mends it, and gets the archive by the same link.
   * @param {() => Promise<unknown>} breakIt
   * @param {() => Promise<unknown>} mendIt
   */
  async function survives(breakIt, mendIt, product = PRODUCT) {
    await shop.publish(await zipOf(GUIDE), product);
    const { link } = await shop.buy({ product: product.id });
    await breakIt();

    const answer = await failed(link);
    assert.equal(answer.status, 503);
    assert.match(answer.headers.get('content-type'), /^text\/html/);
    const page = await drain(answer);
    assert.match(page.toString(), /not used up/);
    assert.ok(!page.includes('PK\x03\x04'), 'no bare archive');
    const health = await shop.fetch('/healthz', { headers: { accept: 'application/json' } });
    await drain(health);

    await mendIt();
    const delivered = await shop.browser().download(link);
    assert.equal(delivered.status, 200);
    assert.ok((await filesIn(await drain(delivered))).has('guide/LICENSE.txt'));
    return health.status;
  }

  /** The first answer on the way to the file that is no success. */
  async function failed(link) {
    const browser = shop.browser();
    const page = await browser.fetch(link);
    if (page.status !== 200) return page;
    await drain(page);
    const redeemed = await browser.press(link);
    if (redeemed.status !== 303) return redeemed;
    await drain(redeemed);
    return browser.fetch(redeemed.headers.get('location'));
  }

  const mend = async () => shop.publish(await zipOf(GUIDE));

  it('the archive is missing', async () => {
    const health = await survives(async () => (await shop.archives()).delete(PRODUCT.archive), mend);
    assert.equal(health, 503);
  });

  it('the archive is no ZIP', async () => {
    await survives(() => shop.publish(Buffer.from('<html>502 Bad Gateway</html>')), mend);
  });

  it('the archive is empty, without even an end record', async () => {
    await survives(() => shop.publish(Buffer.alloc(0)), mend);
  });

  it('the archive was cut off', async () => {
    const whole = await zipOf(GUIDE);
    await survives(() => shop.publish(whole.subarray(0, -10)), mend);
  });

  it('the archive has lost its beginning', async () => {
    const whole = await zipOf(GUIDE);
    await survives(() => shop.publish(whole.subarray(10)), mend);
  });

  it('the archive hides another one in its comment', async () => {
    const whole = await zipOf(GUIDE);
    const comment = await zipOf({ 'evil.txt': '' });
    const end = Buffer.from(whole.subarray(-22));
    end.writeUInt16LE(comment.length, 20);
    await survives(() => shop.publish(Buffer.concat([whole.subarray(0, -22), end, comment])), mend);
  });

  it('a licence text of its own asks for what there is not', async () => {
    const key = `templates/${OTHER.id}/LICENSE.txt`;
    const text = async (text) => (await shop.archives()).put(key, text);
    await survives(() => text('Sold to {{ licencee }}.\n'), () => text('Sold to {{ licensee }}.\n'), OTHER);
  });

  it('the product is not for sale any more, and then is again', async () => {
    await survives(
      () => shop.restart({ vars: { PRODUCTS: [OTHER] } }),
      () => shop.restart({ vars: { PRODUCTS } }),
    );
  });
});
