import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { getPlatformProxy } from 'wrangler';
import { DEMO_PRODUCT, demoArchive } from './demo-product.mjs';
import { Advice, program } from './terminal.mjs';

/** wrangler's name for the form that it keeps its state in. */
const STATE_VERSION = 'v3';

/** Marks what was put here by this program, and may be replaced by it. */
const MARK = { bookplate: 'demo' };

/**
 * Puts the demo product into the local R2, and prints as JSON what was done and which product to buy.
 * It runs before the Worker does, by wrangler's own access to the local state: one start instead of one
 * `wrangler r2 object put` for each product, it can look before it writes, and it reads PRODUCTS as the Worker will.
 */
async function seed() {
  const [state] = process.argv.slice(2);
  if (!state) throw new Advice('name the folder of the state: node src/cli/seed.mjs .wrangler/state');
  const { env, dispose } = await getPlatformProxy({ persist: { path: join(state, STATE_VERSION) } });
  const products = Array.isArray(env.PRODUCTS) ? env.PRODUCTS : [];
  if (products.length === 0) {
    throw new Advice('wrangler.toml sells nothing: give it a [[vars.PRODUCTS]] table.');
  }
  const demo = products.find(({ id }) => id === DEMO_PRODUCT);
  const seeded = demo !== undefined && (await putDemo(env.ARCHIVES, demo.archive));
  console.log(JSON.stringify({ seeded, product: (demo ?? products[0]).id }));
  await dispose();
}

/**
 * @param {import('@cloudflare/workers-types').R2Bucket} archives
 * @param {string} key
 * @returns {Promise<boolean>} whether it had to be put
 */
async function putDemo(archives, key) {
  const archive = await demoArchive();
  const there = await archives.head(key);
  const unchanged = there?.etag === createHash('md5').update(archive).digest('hex');
  const somebodyElses = there !== null && there.customMetadata?.bookplate !== MARK.bookplate;
  if (unchanged || somebodyElses) return false;
  await archives.put(key, archive, { customMetadata: MARK });
  return true;
}

await program(import.meta.url, seed);
