import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { drain, openShop } from './shop.mjs';

const LOGO = '<svg xmlns="http://www.w3.org/2000/svg" width="96" height="48"><script>alert(1)</script></svg>';

describe('a shop shows its logo', () => {
  let shop;
  before(async () => {
    shop = await openShop({ vars: { SHOP_LOGO: 'logo.svg' } });
    await (await shop.archives()).put('logo.svg', LOGO);
  });
  after(() => shop.close());

  it('above every page, with the shop\'s name for whoever does not see it', async () => {
    const page = (await drain(await shop.browser().fetch('/recover'))).toString();
    assert.match(page, /<img src="\/logo" alt="The Paper Street Press"/);
  });

  it('as a picture that runs nothing', async () => {
    const logo = await shop.fetch('/logo');
    assert.equal(logo.status, 200);
    assert.equal(logo.headers.get('content-type'), 'image/svg+xml');
    assert.match(logo.headers.get('content-security-policy'), /default-src 'none';.* sandbox/);
    assert.equal((await drain(logo)).toString(), LOGO);
  });
});
