import http from 'node:http';
import { performance } from 'node:perf_hooks';
import { checkoutCompleted, signature } from '../../../src/cli/stripe-event.mjs';
import { publish } from '../archives.mjs';
import { pairedRatios, quantile, spread } from '../stats.mjs';
import { SECRETS, productOf } from '../workers.mjs';

const ROUNDS = { full: 10, quick: 3 };
const AT_ONCE = { full: [1, 4, 16], quick: [1, 4] };
/** Fewer than an order lets one lease ask for. */
const CYCLES = 10;
const COUNTS = 60;
const WEBHOOKS = { full: 200, quick: 40 };
const WEBHOOKS_AT_ONCE = 8;
const ARCHIVE = 'tiny.zip';

/** (6) Redeem, begin, finish against a bare counter; and webhooks against a bare route. */
export async function redemption({ quick, start, say }) {
  const mode = quick ? 'quick' : 'full';
  const runtime = await start({ archives: [ARCHIVE], variants: ['raw'] });
  const agent = new http.Agent({ keepAlive: true });
  try {
    await publish(runtime, ARCHIVE, { count: 1, length: 1000 });
    const rows = [];
    for (const atOnce of AT_ONCE[mode]) {
      say(`${atOnce} orders at once`);
      const [cycles, counts] = [[], []];
      await cycleRound(runtime, agent, atOnce);
      for (let round = 0; round < ROUNDS[mode]; round++) {
        cycles.push(await cycleRound(runtime, agent, atOnce));
        counts.push(await measured(atOnce, COUNTS, (lane) => runtime.request('raw', `/count/${atOnce}-${lane}`, { agent })));
      }
      rows.push({ atOnce, ours: summary(cycles), counter: summary(counts), rateToCounter: rateRatio(cycles, counts) });
    }
    say('webhooks');
    const [accepted, fresh, bare] = [[], [], []];
    for (let round = 0; round < ROUNDS[mode]; round++) {
      const each = WEBHOOKS[mode] / WEBHOOKS_AT_ONCE;
      const posts = Array.from({ length: WEBHOOKS_AT_ONCE }, () => Array.from({ length: each }, signedEvent));
      const post = (worker, path) => async (lane, turn) => {
        const answer = await runtime.request(worker, path, { method: 'POST', agent, ...posts[lane][turn] });
        if (answer.status !== 200) throw new Error(`${path}: ${answer.status}`);
      };
      accepted.push(await measured(WEBHOOKS_AT_ONCE, each, post('ours', '/webhooks/stripe')));
      // Mails that are due ring their alarms: not beside the other's turn.
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      // Each purchase is an object of its own: this is what a new one takes.
      fresh.push(await measured(WEBHOOKS_AT_ONCE, each, (lane, turn) => runtime.request('raw', `/count/new-${round}-${lane}-${turn}`, { agent })));
      bare.push(await measured(WEBHOOKS_AT_ONCE, each, post('raw', '/bare')));
    }
    return { rows, webhooks: { ours: summary(accepted), fresh: summary(fresh), bare: summary(bare), rateToFresh: rateRatio(accepted, fresh), rateToBare: rateRatio(accepted, bare) } };
  } finally {
    agent.destroy();
    await runtime.close();
  }
}

/** Orders of their own, each redeemed and downloaded several times by its one browser. */
async function cycleRound(runtime, agent, atOnce) {
  const tokens = [];
  for (let at = 0; at < atOnce; at++) tokens.push(await runtime.link(ARCHIVE));
  const cookies = [];
  return measured(atOnce, CYCLES, async (lane) => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded', accept: 'text/html', ...(cookies[lane] && { cookie: cookies[lane] }) };
    const redeemed = await runtime.request('ours', '/download', { method: 'POST', headers, body: `token=${tokens[lane]}`, agent });
    if (redeemed.status !== 303) throw new Error(`no lease: ${redeemed.status}`);
    cookies[lane] ??= redeemed.headers['set-cookie'][0].split(';')[0];
    const copy = await runtime.request('ours', redeemed.headers.location, { headers: { cookie: cookies[lane] }, agent });
    if (copy.status !== 200) throw new Error(`no copy: ${copy.status}`);
  });
}

/** `atOnce` lanes, each of which does one thing after the other. */
async function measured(atOnce, each, task) {
  const latencies = [];
  const began = performance.now();
  await Promise.all(
    Array.from({ length: atOnce }, async (_, lane) => {
      for (let turn = 0; turn < each; turn++) {
        const from = performance.now();
        await task(lane, turn);
        latencies.push(performance.now() - from);
      }
    }),
  );
  return { perSecond: (atOnce * each * 1000) / (performance.now() - began), latencies };
}

function summary(rounds) {
  const latencies = rounds.flatMap((round) => round.latencies);
  return { perSecond: spread(rounds.map(({ perSecond }) => perSecond)), p50Ms: quantile(latencies, 0.5), p99Ms: quantile(latencies, 0.99) };
}

const rateRatio = (own, other) =>
  pairedRatios(
    own.map(({ perSecond }) => perSecond),
    other.map(({ perSecond }) => perSecond),
  );

function signedEvent() {
  const buyer = { name: 'Ada Lovelace', email: 'ada@example.com', organisation: 'Engines Ltd', product: productOf(ARCHIVE) };
  const body = JSON.stringify(checkoutCompleted(buyer), null, 2);
  const headers = { 'content-type': 'application/json', 'stripe-signature': signature(body, SECRETS.STRIPE_WEBHOOK_SECRET) };
  return { body, headers };
}
