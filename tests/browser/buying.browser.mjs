import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { demoArchive } from '../../src/cli/demo-product.mjs';
import { assertUnzips } from '../e2e/readers.mjs';
import { PRODUCT, openShop } from '../e2e/shop.mjs';
import { filesIn } from '../e2e/zip.mjs';
import { openBrowser } from './browser.mjs';

describe('in a browser', () => {
  let shop, browser;
  before(async () => {
    [shop, browser] = await Promise.all([openShop(), openBrowser()]);
    await shop.publish(await demoArchive());
  });
  after(() => Promise.all([browser?.close(), shop?.close()]));

  it('from the storefront through the mail and the button to a file that unzips', async () => {
    const context = await browser.newContext({ acceptDownloads: true });
    const page = await context.newPage();
    const elsewhere = [];
    page.on('request', (request) => {
      if (!request.url().startsWith(shop.origin) && !request.url().startsWith('about:')) elsewhere.push(request.url());
    });

    await page.goto(`${shop.origin}/dev`);
    await page.getByLabel('Name', { exact: true }).fill('Grace Hopper');
    await page.getByLabel(/Organisation/).fill('Cobol & Co');
    await page.getByLabel('E-mail').fill('grace@example.com');
    await page.getByLabel('Product').selectOption(PRODUCT.id);
    await page.getByRole('button', { name: 'Buy' }).click();
    await page.waitForURL(/\/dev\/outbox$/);
    const mail = await shop.mailTo('grace@example.com');
    await page.reload();

    await page.getByRole('link', { name: mail.links[0] }).first().click();
    await page.getByRole('heading', { name: PRODUCT.name }).waitFor();
    assert.match(await page.getByRole('main').innerText(), /Cobol & Co/);

    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download' }).click(),
    ]);
    assert.equal(download.suggestedFilename(), PRODUCT.filename);
    assert.equal(await download.failure(), null);
    const copy = await readFile(await download.path());
    const files = await filesIn(copy);
    for (const [path, contents] of await filesIn(await demoArchive())) assert.ok(files.get(path)?.equals(contents), path);
    const license = [...files].find(([path]) => /^[^/]+\/LICENSE\.txt$/.test(path));
    assert.match(license[1].toString(), /Cobol & Co/);
    await assertUnzips(copy);
    assert.deepEqual(elsewhere, [], 'nothing was asked of anybody else');
    await context.close();
  });

  it('the link in the mail itself opens the page', async () => {
    const { link } = await shop.buy();
    const page = await browser.newPage();
    await page.goto(`${shop.origin}/dev/outbox`);
    const mail = page.frameLocator('iframe').first();
    const [opened] = await Promise.all([page.waitForEvent('popup'), mail.getByRole('link', { name: 'Get your copy' }).click()]);
    await opened.getByRole('button', { name: 'Download' }).waitFor();
    assert.equal(opened.url(), link);
    await Promise.all([opened.close(), page.close()]);
  });

  it('the button works by keyboard, on a narrow screen, without scripts', async () => {
    const { link } = await shop.buy();
    const context = await browser.newContext({ javaScriptEnabled: false, viewport: { width: 320, height: 640 } });
    const page = await context.newPage();
    await page.goto(link);
    await page.keyboard.press('Tab');
    const [download] = await Promise.all([page.waitForEvent('download'), page.keyboard.press('Enter')]);
    assert.equal(await download.failure(), null);
    await context.close();
  });
});
