import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { demoArchive } from '../../src/cli/demo-product.mjs';
import { openShop } from '../e2e/shop.mjs';
import { openBrowser } from './browser.mjs';
import { OUTCOMES, open, openOutcomesShop } from './outcomes.mjs';

/** Beside this file; the README and templates/README.md show them. */
const FOLDER = join(dirname(fileURLToPath(import.meta.url)), 'screenshots');
const VIEWPORT = { width: 640, height: 400 };
const PHONE = { width: 390, height: 400 };
const SCHEMES = [['light', ''], ['dark', '-dark']];
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
      const scene = await outcome.arrange(shop);
      for (const [colorScheme, suffix] of SCHEMES) {
        const { page, context } = await open(browser, shop, outcome, scene, { viewport: PHONE, colorScheme });
        await take(page, `${outcome.name}${suffix}`);
        await context.close();
      }
    }
  } finally {
    await shop.close();
  }
}

function take(page, name) {
  return page.screenshot({ path: join(FOLDER, `${name}.png`), fullPage: true });
}
