import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { decoded, forged } from './jwt.mjs';
import { SECRETS, drain, openShop } from './shop.mjs';
import { zipOf } from './zip.mjs';

const KEY = Buffer.from(SECRETS.LINK_KEYS.split(':')[1], 'base64url');

/** So many requests of one lease may start in the first half of the file. */
const EARLY_REQUESTS = 20;

describe('somebody uses a lease that is not theirs, or not any more', () => {
  let shop, link, session, browser, location;
  before(async () => {
    shop = await openShop();
    await shop.publish(await zipOf({ 'guide/guide.txt': 'Ex libris '.repeat(500) }));
  });
  after(() => shop.close());
  beforeEach(async () => {
    ({ link, session } = await shop.buy());
    browser = shop.browser();
    location = (await browser.press(link)).headers.get('location');
  });

  /** Refused with this status, in these words, without a byte of the archive. */
  async function refused(answer, status, words) {
    assert.equal(answer.status, status);
    assert.match(answer.headers.get('content-type'), /^text\/html/);
    const page = await drain(answer);
    assert.match(page.toString(), words);
    assert.ok(!page.includes('PK\x03\x04', 0, 'latin1'));
  }

  async function delivers(location) {
    const copy = await browser.fetch(location);
    assert.equal(copy.status, 200);
    await drain(copy);
  }

  /** This lease, with claims changed, and signed by us. */
  function signedWith(change) {
    const lease = new URL(location, shop.origin).searchParams.get('lease');
    const { header, claims } = decoded(lease);
    assert.equal(forged(header, claims, KEY), lease, 'these tests can sign like the shop');
    return leaseAddress(forged(header, { ...claims, ...change }, KEY));
  }

  const leaseAddress = (lease) => `/download/field-guide-2.1.0.zip?${new URLSearchParams({ lease })}`;

  it('borrowed, without a cookie', async () => {
    for (const method of ['GET', 'HEAD']) {
      const answer = await shop.fetch(location, { method, headers: { accept: 'text/html' } });
      assert.equal(answer.status, 403);
      const words = (await drain(answer)).toString();
      if (method === 'GET') assert.match(words, /sent no cookie[^]*Allow cookies/);
    }
    await delivers(location);
  });

  it("borrowed, with a cookie of another's", async () => {
    const other = shop.browser();
    await drain(await other.fetch((await shop.buy()).link));
    assert.ok(other.cookie());
    await refused(await other.fetch(location), 403, /started in another browser/);
    await refused(await other.fetch(location, { headers: { range: 'bytes=0-99' } }), 403, /started in another browser/);
    await delivers(location);
  });

  it('borrowed, with a cookie that was made up', async () => {
    for (const value of ['a'.repeat(22), 'x', '', '../..']) {
      const answer = await shop.fetch(location, { headers: { accept: 'text/html', cookie: `bookplate_browser=${value}` } });
      await refused(answer, 403, value.length === 22 ? /started in another browser/ : /sent no cookie/);
    }
    await delivers(location);
  });

  it('changed under its old signature', async () => {
    const [header, , signature] = new URL(location, shop.origin).searchParams.get('lease').split('.');
    const { claims } = decoded(new URL(location, shop.origin).searchParams.get('lease'));
    for (const change of [{ sub: 'cs_test_another' }, { lease: 'a'.repeat(22) }, { iat: claims.iat + 60 }]) {
      const payload = Buffer.from(JSON.stringify({ ...claims, ...change })).toString('base64url');
      await refused(await browser.fetch(leaseAddress(`${header}.${payload}.${signature}`)), 404, /open your link again/);
    }
    await delivers(location);
  });

  it('signed by us, and never given out', async () => {
    await refused(await browser.fetch(signedWith({ lease: 'a'.repeat(22) })), 410, /over, or goes on elsewhere/);
    await refused(await browser.fetch(signedWith({ sub: 'cs_test_never_seen' })), 404, /not complete/);
    const other = await shop.buy();
    await refused(await browser.fetch(signedWith({ sub: other.session.id })), 404, /not complete/);
    await delivers(location);
  });

  it('replayed, after a newer link took the place of its link', async () => {
    await delivers(location);
    const { url } = await (await shop.operate('/links', { session_id: session.id })).json();
    await refused(await browser.fetch(location), 410, /over, or goes on elsewhere/);
    const fresh = await browser.press(url);
    assert.equal(fresh.status, 303);
    await refused(await browser.fetch(location), 410, /over, or goes on elsewhere/);
    await delivers(fresh.headers.get('location'));
  });

  it('replayed more often than a download needs', async () => {
    await delivers(location);
    for (let request = 1; request < EARLY_REQUESTS; request += 1) await delivers(location);
    await refused(await browser.fetch(location), 429, /more often than a download needs/);
    await refused(await browser.fetch(location, { headers: { range: 'bytes=0-0' } }), 429, /more often than a download needs/);
    const tail = await browser.fetch(location, { headers: { range: 'bytes=-100' } });
    assert.equal(tail.status, 206, 'who goes on near the end is no replay');
    await drain(tail);
    await refused(await browser.press(link), 410, /has been used/);
  });

  it('a download manager that asked too often before anything was delivered: the button gives a new lease', async () => {
    const byte = { headers: { range: 'bytes=0-0' } };
    for (let request = 0; request < EARLY_REQUESTS; request += 1) {
      const part = await browser.fetch(location, byte);
      assert.equal(part.status, 206);
      await drain(part);
    }
    await refused(await browser.fetch(location, byte), 429, /more often than a download needs/);
    const fresh = (await browser.press(link)).headers.get('location');
    assert.notEqual(fresh, location);
    await refused(await browser.fetch(location), 410, /over, or goes on elsewhere/);
    await delivers(fresh);
  });
});
