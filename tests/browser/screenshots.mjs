import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { demoArchive } from '../../src/cli/demo-product.mjs';
import { openShop } from '../e2e/shop.mjs';
import { openBrowser } from './browser.mjs';
import { OUTCOMES, open, openOutcomesShop } from './outcomes.mjs';
import { withPalette } from './png.mjs';

/** Beside this file; the README and templates/README.md show them. */
const FOLDER = join(dirname(fileURLToPath(import.meta.url)), 'screenshots');
const VIEWPORT = { width: 640, height: 400 };
const PHONE = { width: 390, height: 400 };
const SCHEMES = [['light', ''], ['dark', '-dark']];
const PAINTED_WITHIN_MS = 500;
const PUBLIC_URL = 'https://downloads.paperstreet.example';

/** `npm run screenshots`: takes the pictures of the mail, and of every page in both colour schemes. */
const browser = await openBrowser();
try {
  await takeReadmes();
  await takeOutcomes();
} finally {
  await browser.close();
}

/** The README's: the mail, and the page behind the link. */
async function takeReadmes() {
  const shop = await openShop({ vars: { PUBLIC_URL } });
  try {
    await shop.publish(await demoArchive());
    const { link, mail } = await shop.buy({ name: 'Ada Lovelace', organisation: 'Analytical Engines Ltd', email: 'ada@example.com' });
    for (const [colorScheme, suffix] of SCHEMES) {
      const page = await browser.newPage({ viewport: VIEWPORT, colorScheme });
      await page.goto(link.replace(PUBLIC_URL, shop.origin));
      await take(page, `page${suffix}`);
    }
    // On a page of its own, as a mail program shows it: the shop's pages allow no styles but their own.
    const letter = await browser.newPage({ viewport: VIEWPORT, colorScheme: 'light' });
    await letter.setContent(mail.html);
    await take(letter, 'mail');
  } finally {
    await shop.close();
  }
}

/** Those of templates/README.md: every page, as a phone shows it. */
async function takeOutcomes() {
  const shop = await openOutcomesShop();
  try {
    for (const outcome of OUTCOMES) {
      const { page, context } = await open(browser, shop, outcome, { viewport: PHONE });
      for (const [colorScheme, suffix] of SCHEMES) {
        await page.emulateMedia({ colorScheme });
        await take(page, `${outcome.name}${suffix}`);
      }
      await context.close();
    }
  } finally {
    await shop.close();
  }
}

async function take(page, name) {
  if (page.frames().length > 1) {
    // A frame is painted once it is in view.
    const height = await page.evaluate(() => document.documentElement.scrollHeight);
    await page.setViewportSize({ ...page.viewportSize(), height });
    await page.waitForTimeout(PAINTED_WITHIN_MS);
  }
  const png = await page.screenshot({ fullPage: true });
  await writeFile(join(FOLDER, `${name}.png`), withPalette(png));
}
