import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { SECRETS, drain, openShop } from './shop.mjs';
import { zipOf } from './zip.mjs';

/** Every request is logged by then. */
const QUIET_MS = 1_000;

describe('what is private stays private', () => {
  let shop;
  before(async () => {
    shop = await openShop();
    await shop.publish(await zipOf({ 'guide/guide.txt': 'Ex libris' }));
  });
  after(() => shop.close());

  it('the log tells each request in a line, and no token, key, address or query', async () => {
    const { buyer, link, session } = await shop.buy({ name: 'Ada Lovelace', organisation: 'Engines Ltd' });
    const browser = shop.browser();
    await drain(await browser.fetch(link));
    const redeemed = await browser.press(link);
    const location = redeemed.headers.get('location');
    await drain(await browser.fetch(location));
    await drain(await shop.browser().press(link));
    await drain(await shop.fetch(`${link}x`));
    await drain(await shop.fetch('/links', { method: 'POST', headers: { authorization: 'Bearer guessed-token' }, body: '{}' }));
    await drain(await shop.fetch('/webhooks/stripe', { method: 'POST', headers: { 'stripe-signature': 't=1,v1=abad1dea' }, body: '{}' }));
    await drain(await shop.fetch('/nothing/here?secret=question'));
    await sleep(QUIET_MS);

    const lines = shop.logs();
    const text = lines.join('\n');
    const cookie = 'bookplate_browser';
    const secrets = Object.values(SECRETS).filter((value) => value !== SECRETS.ENVIRONMENT);
    const token = new URL(link).searchParams.get('token');
    const lease = new URL(location, shop.origin).searchParams.get('lease');
    const parts = [...token.split('.'), ...lease.split('.')].filter((part) => part.length > 20);
    const never = [...secrets, ...parts, buyer.email, 'Ada', 'Engines', cookie, 'token=', 'lease=', 'secret=question', 'guessed-token', 'abad1dea', session.payment_intent];
    for (const secret of never) assert.ok(!text.includes(secret), `${secret} in the log`);

    const requests = lines.map(parsed).filter((line) => line?.route && line?.status);
    for (const line of requests) assert.ok(line.id && typeof line.ms === 'number', JSON.stringify(line));
    const statuses = new Set(requests.map(({ status }) => status));
    for (const status of [200, 303, 410, 404, 401, 400]) assert.ok(statuses.has(status), `${status} among ${[...statuses]}`);
  });

  it('pages load nothing from anywhere else, and tell nobody where they came from', async () => {
    const { link } = await shop.buy();
    const page = await shop.browser().fetch(link);
    const html = (await drain(page)).toString();
    assert.doesNotMatch(html, /(src|srcset)=|<link|<script|@import|url\(/);
    assert.match(page.headers.get('content-security-policy'), /default-src 'none'/);
    assert.match(page.headers.get('content-security-policy'), /frame-ancestors 'none'/);
    assert.equal(page.headers.get('referrer-policy'), 'no-referrer');
    assert.equal(page.headers.get('x-content-type-options'), 'nosniff');
    assert.match(page.headers.get('x-robots-tag') ?? html, /noindex/);
    assert.ok(html.length < 20_000);
  });
});

/** @param {string} line */
function parsed(line) {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
