import assert from 'node:assert/strict';
import axe from 'axe-core';
import { after, before, describe, it } from 'node:test';
import { openBrowser } from './browser.mjs';
import { OUTCOMES, open, openOutcomesShop } from './outcomes.mjs';

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

/** 1280 pixels at 400 % (WCAG 2.2, 1.4.10 Reflow). */
const NARROW = { width: 320, height: 640 };

/** Chromium's own sizes, and twice those (WCAG 2.2, 1.4.4 Resize Text). */
const USUAL = { standard: 16, fixed: 13 };
const TWICE = { standard: 32, fixed: 26 };

/** A fingertip (WCAG 2.2, 2.5.5 Target Size). */
const FINGERTIP_PX = 44;

const MAX_PAGE_BYTES = 20 * 1000;

describe('every page', () => {
  let shop, browser;
  before(async () => {
    [shop, browser] = await Promise.all([openOutcomesShop(), openBrowser()]);
  });
  after(() => Promise.all([browser?.close(), shop?.close()]));

  for (const outcome of OUTCOMES) {
    it(outcome.name, async (t) => {
      const { page, answer, context, elsewhere } = await open(browser, shop, outcome, PHONE);
      t.after(() => context.close());

      await t.test('is small, needs no script, and asks nobody else for anything', async () => {
        const body = await answer.body();
        assert.ok(body.length < MAX_PAGE_BYTES, `${body.length} bytes`);
        assert.ok(!body.includes('<script'));
        assert.deepEqual(elsewhere, []);
      });
      for (const colorScheme of ['light', 'dark']) {
        await t.test(`axe finds nothing, in ${colorScheme} colours`, async () => {
          await page.emulateMedia({ colorScheme });
          assert.deepEqual(await complaints(page), []);
        });
      }
      await t.test('fits a phone, and its buttons a fingertip', async () => {
        assert.deepEqual(await overflowing(page), []);
        for (const button of await page.locator('button, .button').all()) {
          const { height, width } = await button.boundingBox();
          assert.ok(height >= FINGERTIP_PX && width >= FINGERTIP_PX, `${width} x ${height}`);
        }
      });
      await t.test('can be read with text twice as large', async () => {
        const heading = page.getByRole('heading', { level: 1 });
        const fontSize = () => heading.evaluate((element) => parseFloat(getComputedStyle(element).fontSize));
        const usual = await fontSize();
        await (await context.newCDPSession(page)).send('Page.setFontSizes', { fontSizes: TWICE });
        assert.equal(await fontSize(), 2 * usual, 'the page follows the size that is set in the browser');
        assert.deepEqual(await overflowing(page), []);
      });
      await t.test('fits a window of 320 pixels', async () => {
        await (await context.newCDPSession(page)).send('Page.setFontSizes', { fontSizes: USUAL });
        await page.setViewportSize(NARROW);
        assert.deepEqual(await overflowing(page), []);
      });
    });
  }
});

/** What axe has against a page: each rule, and where. The mails in the outbox's frames are not the page's. */
async function complaints(page) {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { iframes: false }));
  return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join(' ')}`);
}

/** What sticks out of the page, or has text that is cut off. What is typed into a field scrolls in it. */
function overflowing(page) {
  return page.evaluate(() => {
    const { clientWidth, scrollWidth } = document.documentElement;
    const wide = [...document.body.querySelectorAll('*:not(input)')].filter((element) => {
      const cut = element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).overflowX !== 'visible';
      return cut || element.getBoundingClientRect().right > clientWidth + 1;
    });
    const named = wide.map((element) => `${element.tagName}: ${element.textContent.slice(0, 40)}`);
    return scrollWidth > clientWidth ? [`the page is ${scrollWidth} wide`, ...named] : named;
  });
}
