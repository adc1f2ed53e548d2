import { countOperations } from '../operations.mjs';

/** Dollars per million beyond what the paid plan includes, and the page that says so. */
const PRICES = {
  request: [0.3, 'https://developers.cloudflare.com/workers/platform/pricing/'],
  'object request': [0.15, 'https://developers.cloudflare.com/durable-objects/platform/pricing/'],
  'row read': [0.001, 'https://developers.cloudflare.com/durable-objects/platform/pricing/'],
  'row written': [1, 'https://developers.cloudflare.com/durable-objects/platform/pricing/'],
  'R2 class A': [4.5, 'https://developers.cloudflare.com/r2/pricing/'],
  'R2 class B': [0.36, 'https://developers.cloudflare.com/r2/pricing/'],
  'KV read': [0.5, 'https://developers.cloudflare.com/kv/platform/pricing/'],
  'KV write': [5, 'https://developers.cloudflare.com/kv/platform/pricing/'],
};
const PRICED =
  "read on 2026-11-23 in stored copies: objects' requests and time on Cloudflare's own page, the others as third parties quoted Cloudflare's pages in 2026";

/** An object that is awake is billed for 128 MB, whatever it does: $12.50 for a million GB-s. */
const OBJECT_SECOND_DOLLARS_PER_MILLION = 0.128 * 12.5;

/** What comes half an hour later, when the lease is over, and so is in no count: an alarm that tells KV. */
const LATER = { 'object request': 1, 'KV write': 1 };

/** (9) What a million downloads cost. The archive's size is in no price: R2's egress is free. */
export async function cost({ start }) {
  const operations = await countOperations(start);
  const steps = { ...operations, 'lease over (not counted: from the code)': LATER };
  const rows = Object.entries(steps).flatMap(([step, counts]) =>
    Object.entries(counts)
      .filter(([, count]) => count > 0)
      .map(([what, count]) => {
        if (!PRICES[what]) throw new Error(`${what} has no price`);
        const [price, page] = PRICES[what];
        return { step, what, count, price, page, dollars: count * price };
      }),
  );
  const total = rows.reduce((sum, { dollars }) => sum + dollars, 0);
  return { priced: PRICED, rows, total, objectSecondDollars: OBJECT_SECOND_DOLLARS_PER_MILLION, operations };
}
