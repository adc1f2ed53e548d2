import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { PRODUCT, drain, openShop } from '../e2e/shop.mjs';
import { zipOf } from '../e2e/zip.mjs';
import { askedElsewhere, openBrowser, openProfile } from './browser.mjs';

/** More than the network swallows at once, so that a page can be loaded again in the middle. */
const ARCHIVE_BYTES = 64 * 1024 * 1024;

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

/** Chromium's setting 'Block all cookies'. */
const NO_COOKIES = { profile: { default_content_setting_values: { cookies: 2 } } };

describe('somebody clicks, in every way that people do', () => {
  let shop, browser, link, context, page, elsewhere, total;
  before(async () => {
    [shop, browser] = await Promise.all([openShop(), openBrowser()]);
    await shop.publish(await zipOf({ 'plates/plates.bin': randomBytes(ARCHIVE_BYTES) }));
    total = (await drain(await shop.browser().download((await shop.buy()).link))).length;
  });
  after(() => Promise.all([browser?.close(), shop?.close()]));
  beforeEach(async () => {
    ({ link } = await shop.buy());
    await useContext({});
  });
  afterEach(async () => {
    await context.close();
    assert.deepEqual(elsewhere, [], 'nothing was asked of anybody else');
  });

  async function useContext(options) {
    await context?.close();
    context = await browser.newContext(options);
    elsewhere = askedElsewhere(context, shop.origin);
    page = await context.newPage();
  }

  const button = (on = page) => on.getByRole('button', { name: /^(Download|Go on downloading)$/ });

  /** Does something that starts a download. */
  async function downloads(act, on = page) {
    const [download] = await Promise.all([on.waitForEvent('download'), act()]);
    return download;
  }

  async function isWhole(download) {
    assert.equal(download.suggestedFilename(), PRODUCT.filename);
    assert.equal(await download.failure(), null);
    assert.equal((await readFile(await download.path())).length, total);
  }

  async function isUsedUp() {
    const late = await shop.browser().press(link);
    assert.equal(late.status, 410);
    await drain(late);
  }

  it('once', async () => {
    await page.goto(link);
    await isWhole(await downloads(() => button().click()));
    assert.equal(page.url(), link, 'the page stays, and says what to do if nothing happens');
    await page.getByText('Nothing happens after the click?').waitFor();
    await isUsedUp();
  });

  it('twice in a hurry', async () => {
    const started = [];
    page.on('download', (download) => started.push(download));
    await page.goto(link);
    await downloads(() => button().dblclick());
    const ended = await Promise.all(started.map((download) => download.failure()));
    await isWhole(started[ended.indexOf(null)]);
    await isUsedUp();
    await page.goto(link);
    await page.getByRole('heading', { name: /goes on/ }).waitFor();
  });

  it('and goes back', async () => {
    await page.goto(`${shop.origin}/dev`);
    await page.goto(link);
    await isWhole(await downloads(() => button().click()));
    await page.goBack();
    await page.getByRole('heading', { name: 'Buy for free' }).waitFor();
    await page.goForward();
    await page.getByRole('heading', { name: /goes on/ }).waitFor();
    await isWhole(await downloads(() => button().click()));
  });

  it('in two tabs', async () => {
    const other = await context.newPage();
    await Promise.all([page.goto(link), other.goto(link)]);
    const [one, two] = await Promise.all([downloads(() => button().click()), downloads(() => button(other).click(), other)]);
    await Promise.all([isWhole(one), isWhole(two)]);
    await isUsedUp();
  });

  it('in two browsers: the second is told to wait, or that it is used', async () => {
    const second = await browser.newContext();
    const other = await second.newPage();
    await Promise.all([page.goto(link), other.goto(link)]);
    const download = await downloads(() => button().click());
    await button(other).click();
    await other.getByRole('heading', { name: /Already being downloaded|has been used/ }).waitFor();
    await isWhole(download);
    await second.close();
  });

  it('and loads the page again while the download runs', async () => {
    await page.goto(link);
    const download = await downloads(() => button().click());
    await page.reload();
    await page.getByRole('heading', { name: /goes on/ }).waitFor();
    await page.reload();
    await isWhole(download);
    await isUsedUp();
  });

  it('and cancels: the button starts it again', async () => {
    await page.goto(link);
    const download = await downloads(() => button().click());
    await download.cancel();
    await page.reload();
    await isWhole(await downloads(() => button().click()));
  });

  it('with a fingertip', async () => {
    await useContext(PHONE);
    await page.goto(link);
    await isWhole(await downloads(() => button().tap()));
  });

  it('with the keyboard alone, seeing where it is', async () => {
    await page.goto(link);
    await page.keyboard.press('Tab');
    const outline = await button().evaluate((element) => {
      const { outlineStyle, outlineWidth } = getComputedStyle(element);
      return { focused: document.activeElement === element, style: outlineStyle, px: parseFloat(outlineWidth) };
    });
    assert.ok(outline.focused && outline.style !== 'none' && outline.px >= 2, JSON.stringify(outline));
    await isWhole(await downloads(() => page.keyboard.press('Enter')));
  });

  it('without scripts', async () => {
    await useContext({ javaScriptEnabled: false });
    await page.goto(link);
    await isWhole(await downloads(() => button().click()));
  });
});

describe('somebody blocks cookies', () => {
  let shop, folder, context;
  before(async () => {
    shop = await openShop({ vars: { ABANDONED_AFTER_SECS: 1 } });
    await shop.publish(await zipOf({ 'guide/guide.txt': 'Ex libris' }));
    folder = await mkdtemp(join(tmpdir(), 'bookplate-'));
    context = await openProfile(folder, NO_COOKIES);
  });
  after(async () => {
    await Promise.all([context?.close(), shop?.close()]);
    await rm(folder, { recursive: true });
  });

  it('the page says so, and what to do; the link is not used up', async () => {
    const { link } = await shop.buy();
    const page = await context.newPage();
    await page.goto(link);
    await page.getByRole('button', { name: 'Download' }).click();
    await page.getByRole('heading', { name: 'Your browser sent no cookie' }).waitFor();
    assert.deepEqual(await context.cookies(), []);
    const words = await page.getByRole('main').innerText();
    assert.match(words, /Allow cookies for this site, wait a minute, then open the link in your mail again and press the button/);
    const other = shop.browser();
    const redeemed = await other.pressUntilFree(link);
    const copy = await other.fetch(redeemed.headers.get('location'));
    assert.equal(copy.status, 200);
    await drain(copy);
  });
});
