import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openShop } from '../e2e/shop.mjs';
import { openBrowser } from './browser.mjs';

/** A small phone: 360 CSS pixels. */
const PHONE = { viewport: { width: 360, height: 640 }, isMobile: true, hasTouch: true };

/** A fingertip (WCAG 2.2, 2.5.5 Target Size). */
const FINGERTIP_PX = 44;

describe('the mail, as a phone shows it', () => {
  let shop, browser, buyer;
  before(async () => {
    [shop, browser] = await Promise.all([openShop(), openBrowser()]);
    buyer = await shop.buy({ name: 'Ada Lovelace-Byron Countess of Somewhere', organisation: 'Engines '.repeat(12).trim() });
  });
  after(() => Promise.all([browser?.close(), shop?.close()]));

  for (const colorScheme of ['light', 'dark']) {
    it(`fits in ${colorScheme}, and its button is in sight`, async () => {
      // A mail reader runs no scripts and may load nothing.
      const context = await browser.newContext({ ...PHONE, colorScheme, javaScriptEnabled: false, offline: true });
      const page = await context.newPage();
      await page.setContent(buyer.mail.html);
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(width <= PHONE.viewport.width, `${width} pixels wide`);
      const button = page.getByRole('link', { name: 'Get your copy' });
      assert.equal(await button.isVisible(), true);
      const box = await button.boundingBox();
      assert.ok(box.x >= 0 && box.x + box.width <= PHONE.viewport.width, JSON.stringify(box));
      assert.ok(box.y + box.height <= PHONE.viewport.height, `below the fold: ${JSON.stringify(box)}`);
      assert.ok(box.height >= FINGERTIP_PX, `${box.height} pixels high`);
      assert.equal(await button.getAttribute('href'), buyer.link);
      assert.equal(await page.getByText(buyer.link).isVisible(), true, 'and in full text');
      await context.close();
    });
  }
});
