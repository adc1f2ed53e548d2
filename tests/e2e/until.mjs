import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 100;

/**
 * Waits until something is so, and gives what it then is.
 * @template T
 * @param {() => Promise<T>} look
 * @param {string} what for the message, should it never be so
 * @param {number} [withinMs]
 * @returns {Promise<NonNullable<T>>}
 */
export async function until(look, what, withinMs = 15_000) {
  const end = Date.now() + withinMs;
  while (Date.now() < end) {
    const seen = await look();
    if (seen) return seen;
    await sleep(POLL_MS);
  }
  throw new Error(`not within ${withinMs} ms: ${what}`);
}
