import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { demoArchive } from '../../src/cli/demo-product.mjs';
import { openShop } from '../e2e/shop.mjs';
import { openBrowser } from './browser.mjs';

/** Beside this file; the README shows them. */
const FOLDER = join(dirname(fileURLToPath(import.meta.url)), 'screenshots');
const VIEWPORT = { width: 640, height: 400 };

/** `npm run screenshots`: takes the README's pictures of the page and of the mail. */
const PUBLIC_URL = 'https://downloads.paperstreet.example';
const [shop, browser] = await Promise.all([openShop({ vars: { PUBLIC_URL } }), openBrowser()]);
try {
  await shop.publish(await demoArchive());
  const { link, mail } = await shop.buy({ name: 'Ada Lovelace', organisation: 'Analytical Engines Ltd', email: 'ada@example.com' });
  for (const [colorScheme, name] of [['light', 'page.png'], ['dark', 'page-dark.png']]) {
    const page = await browser.newPage({ viewport: VIEWPORT, colorScheme });
    await page.goto(link.replace(PUBLIC_URL, shop.origin));
    await page.screenshot({ path: join(FOLDER, name), fullPage: true });
  }
  // On a page of its own, as a mail program shows it: the shop's pages allow no styles but their own.
  const letter = await browser.newPage({ viewport: VIEWPORT, colorScheme: 'light' });
  await letter.setContent(mail.html);
  await letter.screenshot({ path: join(FOLDER, 'mail.png'), fullPage: true });
} finally {
  await Promise.all([browser.close(), shop.close()]);
}
