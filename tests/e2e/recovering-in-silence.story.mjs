import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { drain, openShop, someAddress } from './shop.mjs';
import { zipOf } from './zip.mjs';
import { rankDifference } from './statistics.mjs';

/** So many that none is asked for more often than anybody may ask for one address in a minute. */
const BUYERS = 32;
const REQUESTS_EACH = 8 * BUYERS;

/** |z| for a two-sided probability of 0.0001: noise alone fails this once in ten thousand runs. */
const MAX_Z = 3.891;

/** Not the answer's own: when it was given, and which request it was. */
const PASSING = ['date', 'cf-ray'];

describe('a stranger asks /recover who bought something', () => {
  let shop, buyers;
  before(async () => {
    // A budget that is spent would make known addresses cheaper.
    shop = await openShop({ vars: { RECOVERIES_PER_DAY: 50 } });
    await shop.publish(await zipOf({ 'guide/guide.txt': 'Ex libris' }));
    buyers = Array.from({ length: BUYERS }, someAddress);
    for (const email of buyers) {
      await shop.buy({ email });
      await shop.addressIsKnown(email);
    }
  });
  after(() => shop.close());

  /** What a stranger sees: the answer, and the milliseconds until it was read. */
  async function ask(email) {
    const started = performance.now();
    const answer = await shop.recover(email);
    const body = (await drain(answer)).toString();
    const ms = performance.now() - started;
    const headers = [...answer.headers].filter(([name]) => !PASSING.includes(name));
    return { ms, seen: JSON.stringify([answer.status, headers, body]) };
  }

  it('the answer is the same, and takes the same time', async () => {
    const asked = [];
    for (let at = 0; at < REQUESTS_EACH; at += 1) {
      asked.push({ known: true, email: buyers[at % BUYERS] }, { known: false, email: someAddress() });
    }
    shuffle(asked);
    for (const one of asked) Object.assign(one, await ask(one.email));
    assert.equal(new Set(asked.map(({ seen }) => seen)).size, 1, 'status, headers and body are the same');
    assert.match(asked[0].seen, /^\[202,/);
    const times = (known) => asked.filter((one) => one.known === known).map(({ ms }) => ms);
    const z = rankDifference(times(true), times(false));
    assert.ok(Math.abs(z) < MAX_Z, `z = ${z.toFixed(2)}: known addresses are answered ${z > 0 ? 'later' : 'sooner'}`);
  });
});

/** In random order, each order as likely as any other (Fisher and Yates). */
function shuffle(list) {
  for (let at = list.length - 1; at > 0; at -= 1) {
    const other = randomInt(at + 1);
    [list[at], list[other]] = [list[other], list[at]];
  }
}
