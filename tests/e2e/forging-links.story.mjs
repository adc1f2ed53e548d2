import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { decoded, forged } from './jwt.mjs';
import { SECRETS, drain, openShop } from './shop.mjs';
import { zipOf } from './zip.mjs';

const KEY = Buffer.from(SECRETS.LINK_KEYS.split(':')[1], 'base64url');
const OTHER_KEY = Buffer.alloc(32, 'not the key of this shop');
const HOUR_S = 3600;

describe('somebody forges a link', () => {
  let shop, link, token, header, claims;
  before(async () => {
    shop = await openShop();
    await shop.publish(await zipOf({ 'guide/guide.txt': 'Ex libris' }));
    ({ link } = await shop.buy());
    token = new URL(link).searchParams.get('token');
    ({ header, claims } = decoded(token));
  });
  after(() => shop.close());

  /** Looks and redeems; both must be refused alike. */
  async function refused(attack, status) {
    const address = `/download?${new URLSearchParams({ token: attack })}`;
    for (const answer of [await shop.browser().fetch(address), await shop.browser().press(new URL(address, shop.origin))]) {
      assert.equal(answer.status, status);
      assert.equal(answer.headers.get('location'), null);
      const page = (await drain(answer)).toString();
      assert.ok(!page.includes(claims.email), 'a refusal names nobody');
    }
  }

  it('the link is a token of the form that is documented', () => {
    assert.deepEqual(Object.keys(header).sort(), ['alg', 'kid', 'typ']);
    assert.deepEqual(Object.keys(claims).sort(), ['aud', 'email', 'exp', 'iat', 'iss', 'item', 'jti', 'once', 'sub']);
    assert.equal(header.alg, 'HS256');
    assert.equal(header.kid, 'e2e');
    assert.equal(claims.exp - claims.iat, 24 * HOUR_S);
    assert.equal(forged(header, claims, KEY), token, 'these tests can sign like the shop');
  });

  it('alg none', async () => {
    for (const alg of ['none', 'None', 'nOnE', '']) await refused(forged({ ...header, alg }, claims, ''), 404);
    await refused(`${token.split('.').slice(0, 2).join('.')}.`, 404);
  });

  it('another algorithm, with the right key', async () => {
    for (const alg of ['HS384', 'HS512']) await refused(forged({ ...header, alg }, claims, KEY), 404);
    await refused(forged({ ...header, alg: 'RS256' }, claims, KEY), 404);
  });

  it('changed claims under the old signature', async () => {
    const [first, , signature] = token.split('.');
    const changes = [{ exp: claims.exp + HOUR_S }, { sub: 'cs_test_another' }, { jti: 'a'.repeat(22) }, { email: 'eve@example.com' }];
    for (const change of changes) {
      const payload = Buffer.from(JSON.stringify({ ...claims, ...change })).toString('base64url');
      await refused(`${first}.${payload}.${signature}`, 404);
    }
  });

  it('another key, by its own name and by the name of the right one', async () => {
    await refused(forged({ ...header, kid: 'mine' }, claims, OTHER_KEY), 404);
    await refused(forged(header, claims, OTHER_KEY), 404);
    await refused(forged({ ...header, kid: undefined }, claims, KEY), 404);
    await refused(forged({ ...header, kid: '../../etc/passwd' }, claims, KEY), 404);
  });

  it('an expired link, which is ours', async () => {
    const past = claims.iat - 48 * HOUR_S;
    await refused(forged(header, { ...claims, iat: past, exp: past + 24 * HOUR_S }, KEY), 410);
  });

  it('another audience or issuer, signed by us', async () => {
    for (const change of [{ aud: 'upload' }, { iss: 'somebody-else' }, { aud: undefined }, { once: false }]) {
      await refused(forged(header, { ...claims, ...change }, KEY), 404);
    }
  });

  it('a token of another type, signed by us', async () => {
    for (const typ of ['JWT', 'bookplate-lease+jwt', undefined]) await refused(forged({ ...header, typ }, claims, KEY), 404);
  });

  it('an order that does not exist, signed by us', async () => {
    const before = (await shop.orders()).length;
    await refused(forged(header, { ...claims, sub: 'cs_test_never_seen', jti: 'b'.repeat(22) }, KEY), 404);
    assert.ok((await shop.orders()).length <= before + 1);
  });

  it('a critical extension, signed by us', async () => {
    await refused(forged({ ...header, crit: ['b64'], b64: false }, claims, KEY), 404);
  });

  it('a truncated, padded, oversized or empty token', async () => {
    const attacks = [token.slice(0, -1), token.slice(0, -20), `${token}=`, `${token}A`, `${token}.`, `.${token}`, '', '.', '..', 'x'];
    for (const attack of attacks) await refused(attack, 404);
    await refused(forged(header, { ...claims, email: `${'a'.repeat(4_000)}@example.com` }, KEY), 404);
  });

  it('no token at all', async () => {
    assert.equal((await shop.browser().fetch('/download')).status, 404);
    assert.ok([400, 404].includes((await shop.browser().fetch('/download', { method: 'POST', body: 'token' })).status));
  });

  it('a lease that was made up', async () => {
    const browser = shop.browser();
    const lease = forged({ ...header, typ: 'bookplate-lease+jwt' }, { ...claims, lease: 'c'.repeat(22) }, OTHER_KEY);
    for (const attack of [lease, token, '']) {
      const answer = await browser.fetch(`/download/field-guide-2.1.0.zip?${new URLSearchParams({ lease: attack })}`);
      assert.equal(answer.status, 404);
      await drain(answer);
    }
  });

  it('after all that, the real link works', async () => {
    const delivered = await shop.browser().download(link);
    assert.equal(delivered.status, 200);
    await drain(delivered);
  });
});
