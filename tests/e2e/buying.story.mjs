import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { demoArchive } from '../../src/cli/demo-product.mjs';
import { assertUnzips } from './readers.mjs';
import { PRODUCT, drain, openShop, someAddress } from './shop.mjs';
import { filesIn, zipOf } from './zip.mjs';

/** The four bytes that a central directory begins with (APPNOTE 4.3.12). */
const DIRECTORY = Buffer.from('PK\x01\x02');

describe('somebody buys, and gets their own copy', () => {
  let shop;
  before(async () => {
    shop = await openShop();
  });
  after(() => shop.close());

  it('from the payment to the ZIP', async () => {
    const base = await demoArchive();
    await shop.publish(base);
    const { buyer, session, mail, link } = await shop.buy({ name: 'Ada Lovelace', organisation: 'Engines Ltd' });

    assert.equal(mail.to, buyer.email);
    assert.match(mail.subject, new RegExp(PRODUCT.name));
    assert.equal(mail.links.length, 1);
    for (const body of [mail.text, mail.html]) assert.ok(body.includes(link), body);
    assert.equal(new URL(link).origin, shop.origin);

    const browser = shop.browser();
    const page = await browser.fetch(link);
    const html = (await drain(page)).toString();
    assert.equal(page.status, 200);
    assert.match(page.headers.get('content-type'), /^text\/html/);
    assert.match(page.headers.get('cache-control'), /no-store/);
    assert.match(page.headers.get('set-cookie'), /^bookplate_browser=[\w-]+;.*HttpOnly/i);
    for (const part of [PRODUCT.name, PRODUCT.version, 'Engines Ltd']) assert.ok(html.includes(part), html);

    const redeemed = await browser.press(link);
    assert.equal(redeemed.status, 303);
    assert.match(redeemed.headers.get('location'), new RegExp(`^(${shop.origin})?/download/${PRODUCT.filename}\\?lease=[\\w.-]+$`));

    const answer = await browser.fetch(redeemed.headers.get('location'));
    const copy = await drain(answer);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('content-type'), 'application/zip');
    assert.equal(answer.headers.get('content-length'), String(copy.length));
    assert.match(answer.headers.get('etag'), /^"[^"]+"$/);
    assert.match(answer.headers.get('content-disposition'), new RegExp(`^attachment; filename="?${PRODUCT.filename}`));
    assert.match(answer.headers.get('cache-control'), /no-transform/);

    const beforeDirectory = base.indexOf(DIRECTORY);
    assert.ok(copy.subarray(0, beforeDirectory).equals(base.subarray(0, beforeDirectory)), 'the base is untouched');
    const [sold, got] = [await filesIn(base), await filesIn(copy)];
    for (const [path, contents] of sold) assert.ok(got.get(path)?.equals(contents), path);
    const top = [...sold.keys()][0].split('/')[0];
    const added = [...got.keys()].filter((path) => !sold.has(path));
    assert.deepEqual(added, [`${top}/LICENSE.txt`, `${top}/README.txt`]);

    const [license, readme] = added.map((path) => got.get(path).toString());
    const day = new Date(session.created * 1000).getUTCDate();
    for (const part of ['Engines Ltd', buyer.email, PRODUCT.name, PRODUCT.version, session.id, `${day} `, 'not redistribute']) {
      assert.ok(license.includes(part), `${part} in ${license}`);
    }
    assert.match(license, /BP(-[0-9A-HJKMNP-TV-Z]{4}){3}/);
    for (const part of ['Ada Lovelace', 'help@paperstreet.example']) assert.ok(readme.includes(part), readme);

    await assertUnzips(copy);
  });

  it('the same purchase gives the same bytes again', async () => {
    const { link } = await shop.buy();
    const browser = shop.browser();
    const [first, second] = [await browser.download(link), await browser.download(link)];
    assert.deepEqual([first.status, second.status], [200, 200]);
    assert.equal(first.headers.get('etag'), second.headers.get('etag'));
    assert.ok((await drain(first)).equals(await drain(second)));
  });

  it('an archive without a top folder has the new files beside its own', async () => {
    await shop.publish(await zipOf({ 'guide.txt': 'Ex libris', 'plates/one.svg': '<svg/>' }));
    const { link } = await shop.buy();
    const copy = await drain(await shop.browser().download(link));
    assert.deepEqual([...(await filesIn(copy)).keys()], ['guide.txt', 'plates/one.svg', 'LICENSE.txt', 'README.txt']);
  });

  it('a person without an organisation is the licensee', async () => {
    const { link } = await shop.buy({ name: 'Grace Hopper', organisation: null });
    const files = await filesIn(await drain(await shop.browser().download(link)));
    assert.match(files.get('LICENSE.txt').toString(), /Licensed to: +Grace Hopper\n/);
  });

  it("a buyer's text adds no line to the licence and turns no text around", async () => {
    const organisation = 'Engines\nTerms: none\u202E dtL\u0007 \u2028<b>&"';
    const { link, mail } = await shop.buy({ organisation, email: someAddress() });
    const files = await filesIn(await drain(await shop.browser().download(link)));
    const license = files.get('LICENSE.txt').toString();
    assert.match(license, /Licensed to: +Engines Terms: none dtL <b>&"\n/);
    assert.doesNotMatch(license, /^Terms: none/m);
    assert.ok(!mail.html.includes('<b>&'), mail.html);
  });
});
