import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { drain, openShop } from './shop.mjs';
import { filesIn, zipOf } from './zip.mjs';

const AT_ONCE = 200;
const LOOKS = 100;

describe('a link is good once', () => {
  let shop;
  before(async () => {
    shop = await openShop();
    await shop.publish(await zipOf({ 'guide/guide.txt': 'Ex libris' }));
  });
  after(() => shop.close());

  it('two hundred at the same moment: one gets it', async () => {
    const { link } = await shop.buy();
    const answers = await Promise.all(Array.from({ length: AT_ONCE }, () => shop.browser().press(link)));
    await Promise.all(answers.map(drain));
    const statuses = answers.map(({ status }) => status);
    assert.equal(statuses.filter((status) => status === 303).length, 1, String(statuses));
    assert.equal(statuses.filter((status) => status === 409).length, AT_ONCE - 1, String(statuses));
    const waits = answers.filter(({ status }) => status === 409).map(({ headers }) => Number(headers.get('retry-after')));
    assert.ok(waits.every((seconds) => seconds > 0), String(waits));
  });

  it('two hundred go all the way at the same moment: one of them has the file', async () => {
    const { link } = await shop.buy();
    const answers = await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        const browser = shop.browser();
        await drain(await browser.fetch(link));
        const redeemed = await browser.press(link);
        await drain(redeemed);
        if (redeemed.status !== 303) return redeemed.status;
        const copy = await browser.fetch(redeemed.headers.get('location'));
        return (await filesIn(await drain(copy))).has('guide/LICENSE.txt') ? 'file' : 'no file';
      }),
    );
    const others = answers.filter((answer) => answer !== 'file');
    assert.equal(others.length, AT_ONCE - 1, String(answers));
    assert.ok(others.every((status) => [409, 410].includes(status)), String(others));
  });

  it('afterwards it is used up, for another browser', async () => {
    const { link } = await shop.buy();
    const delivered = await shop.browser().download(link);
    assert.equal(delivered.status, 200);
    await drain(delivered);
    for (const answer of [await shop.browser().press(link), await shop.browser().fetch(link)]) {
      assert.equal(answer.status, 410);
      assert.match(answer.headers.get('content-type'), /^text\/html/);
      assert.match((await drain(answer)).toString(), /has been used/);
    }
  });

  it('while one browser downloads, another is told to wait', async () => {
    const { link } = await shop.buy();
    const [first, second] = [shop.browser(), shop.browser()];
    const redeemed = await first.press(link);
    assert.equal(redeemed.status, 303);
    assert.equal((await second.press(link)).status, 409);
    const location = redeemed.headers.get('location');
    assert.ok([403, 409].includes((await second.fetch(location)).status), 'the address alone opens nothing');
    const delivered = await first.fetch(location);
    assert.equal(delivered.status, 200);
    await drain(delivered);
    assert.equal((await second.press(link)).status, 410);
  });

  it('a double click is one redemption', async () => {
    const { link } = await shop.buy();
    const browser = shop.browser();
    await drain(await browser.fetch(link));
    const [one, two] = await Promise.all([browser.press(link), browser.press(link)]);
    assert.deepEqual([one.status, two.status], [303, 303]);
    const [first, second] = [one, two].map(({ headers }) => headers.get('location'));
    assert.equal(first, second);
  });

  it('looking does not use it up', async () => {
    const { link } = await shop.buy();
    const looks = Array.from({ length: LOOKS }, (_, at) => shop.browser().fetch(link, { method: at % 2 ? 'HEAD' : 'GET' }));
    const seen = await Promise.all(looks.map(async (look) => [(await look).status, await drain(await look)]));
    assert.deepEqual([...new Set(seen.map(([status]) => status))], [200]);
    assert.ok(seen.every(([, body], at) => (at % 2 === 1) === (body.length === 0)), 'HEAD has no body');
    const delivered = await shop.browser().download(link);
    assert.equal(delivered.status, 200);
    await drain(delivered);
  });

  it('asking for the head of the file does not use it up either', async () => {
    const { link } = await shop.buy();
    const browser = shop.browser();
    const location = (await browser.press(link)).headers.get('location');
    const head = await browser.fetch(location, { method: 'HEAD' });
    assert.equal(head.status, 200);
    const delivered = await browser.fetch(location);
    assert.equal(delivered.status, 200);
    assert.equal(head.headers.get('content-length'), String((await drain(delivered)).length));
    assert.equal(head.headers.get('etag'), delivered.headers.get('etag'));
  });
});
