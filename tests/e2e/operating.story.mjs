import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { PRODUCT, SECRETS, drain, openShop, someAddress } from './shop.mjs';
import { filesIn, zipOf } from './zip.mjs';

const BEARER = { authorization: `Bearer ${SECRETS.ADMIN_TOKEN}` };

describe('the operator runs the shop', () => {
  let shop;
  before(async () => {
    shop = await openShop();
    await shop.publish(await zipOf({ 'guide/guide.txt': 'Ex libris' }));
  });
  after(() => shop.close());

  const askForLink = (body, headers = BEARER) =>
    shop.fetch('/links', { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });

  const elsewhere = (reference) => ({
    email: someAddress(),
    name: 'Grace Hopper',
    organisation: 'Cobol & Co',
    product: PRODUCT.id,
    reference,
  });

  it('asks for the link of an order', async () => {
    const { session, link } = await shop.buy();
    const answer = await askForLink({ session_id: session.id });
    assert.ok([200, 201].includes(answer.status), String(answer.status));
    const issued = await answer.json();
    assert.deepEqual(Object.keys(issued).sort(), ['expires_at', 'jti', 'license_id', 'url']);
    assert.ok(Date.parse(issued.expires_at) > Date.now());
    assert.match(issued.license_id, /^BP(-[0-9A-HJKMNP-TV-Z]{4}){3}$/);
    const delivered = await shop.browser().download(issued.url);
    assert.equal(delivered.status, 200);
    const license = (await filesIn(await drain(delivered))).get('guide/LICENSE.txt').toString();
    assert.ok(license.includes(issued.license_id), license);
    // It is one purchase: two links are no two copies.
    assert.equal((await shop.browser().press(link)).status, 410);
  });

  it('enters a purchase that was made elsewhere', async () => {
    const purchase = elsewhere('invoice-2026/117');
    const issued = await (await askForLink(purchase)).json();
    const again = await (await askForLink(purchase)).json();
    assert.equal(again.license_id, issued.license_id, 'the same reference is the same order');
    const files = await filesIn(await drain(await shop.browser().download(again.url)));
    const license = files.get('guide/LICENSE.txt').toString();
    for (const part of ['Cobol & Co', purchase.email, 'invoice-2026/117']) assert.ok(license.includes(part), license);
  });

  it('takes a link back', async () => {
    const revoke = (body, headers = BEARER) =>
      shop.fetch('/links/revoke', { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
    const { session, link } = await shop.buy();
    const began = shop.browser();
    const lease = (await began.press(link)).headers.get('location');
    assert.equal((await revoke({ session_id: session.id }, {})).status, 401);
    assert.deepEqual(await (await revoke({ session_id: session.id })).json(), { revoked: 1 });
    assert.equal((await shop.browser().press(link)).status, 410);
    assert.equal((await began.fetch(lease)).status, 410, 'nor does a download begin that was leased before');
    const { url } = await (await askForLink({ session_id: session.id })).json();
    assert.equal((await shop.browser().download(url)).status, 200, 'a new link works');
    assert.equal((await revoke({ session_id: 'cs_test_nobody' })).status, 404);
  });

  it('one reference names one purchase', async () => {
    const purchase = elsewhere('invoice-2026/118');
    await drain(await askForLink(purchase));
    const other = await askForLink({ ...purchase, email: someAddress() });
    assert.equal(other.status, 409);
    assert.equal(other.headers.get('content-type'), 'application/problem+json');
  });

  it('nobody else can do so', async () => {
    const token = SECRETS.ADMIN_TOKEN;
    const attempts = [{}, { authorization: '' }, { authorization: 'Bearer ' }, { authorization: `Bearer ${token}x` }];
    attempts.push({ authorization: `Bearer ${token.slice(0, -1)}` }, { authorization: token }, { authorization: `Basic ${token}` });
    const earlier = (await shop.orders()).length;
    for (const headers of attempts) {
      const answer = await askForLink(elsewhere('invoice-2026/119'), headers);
      assert.equal(answer.status, 401, JSON.stringify(headers));
      assert.equal(answer.headers.get('content-type'), 'application/problem+json');
      assert.ok(!JSON.stringify(await answer.json()).includes(token));
    }
    assert.equal((await shop.orders()).length, earlier);
  });

  it('hears what is wrong with a request', async () => {
    const wrong = [{}, { session_id: 'not a session' }, { reference: 'r' }, { session_id: 'cs_test_1', reference: 'r' }, { sesion_id: 'cs_test_1' }];
    for (const body of wrong) {
      const answer = await askForLink(body);
      assert.equal(answer.status, 400, JSON.stringify(body));
      assert.match((await answer.json()).detail, /`\w+`/);
    }
    assert.equal((await askForLink({ session_id: 'cs_test_nobody_bought' })).status, 404);
    assert.equal((await askForLink({ ...elsewhere('r'), product: 'not-for-sale' })).status, 400);
  });

  it('sees that all is well, in words and for machines', async () => {
    const words = await shop.fetch('/healthz');
    assert.equal(words.status, 200);
    assert.match((await drain(words)).toString(), new RegExp(PRODUCT.id));
    const machines = await shop.fetch('/healthz', { headers: { accept: 'application/json' } });
    assert.equal(machines.status, 200);
    assert.match(machines.headers.get('content-type'), /^application\/json/);
    await machines.json();
  });

  it('sees all that is wrong with the settings at once, without a secret', async () => {
    const weak = { ADMIN_TOKEN: 'hunter2', LINK_KEYS: 'e2e:dG9vIHNob3J0', STRIPE_WEBHOOK_SECRET: 'sesame' };
    await shop.restart({ secrets: weak, vars: { LINK_TTL_HOURS: 'soon' } });
    const answer = await shop.fetch('/healthz');
    assert.equal(answer.status, 503);
    const words = (await drain(answer)).toString();
    for (const name of [...Object.keys(weak), 'LINK_TTL_HOURS']) assert.ok(words.includes(name), `${name} in ${words}`);
    for (const secret of ['hunter2', 'dG9vIHNob3J0', 'sesame']) assert.ok(!words.includes(secret), words);
    await shop.restart();
    assert.equal((await shop.fetch('/healthz')).status, 200);
  });
});

describe('in production', () => {
  let shop;
  before(async () => {
    shop = await openShop();
  });
  after(() => shop.close());

  for (const ENVIRONMENT of ['production', '', 'Development', 'dev', 'staging']) {
    it(`there is no /dev when ENVIRONMENT is '${ENVIRONMENT}'`, async () => {
      await shop.restart({ secrets: { ENVIRONMENT } });
      for (const [path, method] of [['/dev', 'GET'], ['/dev/', 'GET'], ['/dev/outbox', 'GET'], ['/dev/buy', 'POST'], ['/dev/anything', 'GET']]) {
        const body = method === 'POST' ? new URLSearchParams({ name: 'Eve', email: 'eve@example.com', product: PRODUCT.id }) : undefined;
        for (const accept of ['text/html', 'application/json']) {
          const answer = await shop.fetch(path, { method, body, headers: { accept } });
          assert.equal(answer.status, 404, `${method} ${path}`);
          await drain(answer);
        }
      }
      assert.deepEqual(await shop.orders(), []);
    });
  }
});
