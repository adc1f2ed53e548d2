import http from 'node:http';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
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

/** Links of one order each per lane, of which each is redeemed by some browsers. */
const LINKS = 4;
/** So many browsers may begin by one link and break off (MAX_SENDING_LEASES): each gets a lease of its own. */
const BROWSERS = 5;
/** Mails that are due ring their orders' alarms: not beside what is measured. */
const ALARMS_MS = 1_000;

/**
 * (6) Redeem, begin, finish against a bare counter: the objects alone, asked by a Worker; and a buyer's whole way, the
 * click and the download of a tiny archive. Also webhooks against a bare route.
 */
export async function redemption({ quick, start, say }) {
  const mode = quick ? 'quick' : 'full';
  const runtime = await start({ archives: [ARCHIVE], variants: ['raw', 'referee'] });
  const agent = new http.Agent({ keepAlive: true });
  try {
    await publish(runtime, ARCHIVE, { count: 1, length: 1000 });
    const [objects, rows] = [[], []];
    for (const atOnce of AT_ONCE[mode]) {
      say(`${atOnce} orders at once: the objects alone`);
      objects.push(await objectsAlone(runtime, agent, atOnce, ROUNDS[mode]));
      say(`${atOnce} orders at once: click and download`);
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
      await sleep(ALARMS_MS);
      // Each purchase is an object of its own: this is what a new one takes.
      fresh.push(await measured(WEBHOOKS_AT_ONCE, each, (lane, turn) => runtime.request('raw', `/count/new-${round}-${lane}-${turn}`, { agent })));
      bare.push(await measured(WEBHOOKS_AT_ONCE, each, post('raw', '/bare')));
    }
    return { objects, rows, webhooks: { ours: summary(accepted), fresh: summary(fresh), bare: summary(bare), rateToFresh: rateRatio(accepted, fresh), rateToBare: rateRatio(accepted, bare) } };
  } finally {
    agent.destroy();
    await runtime.close();
  }
}

/** The three calls of a download, one after the other, and counts of a bare object likewise. */
async function objectsAlone(runtime, agent, atOnce, rounds) {
  const [downloads, counts] = [[], []];
  const ask = async (path, body) => {
    const answer = await runtime.request('referee', path, { method: 'POST', body: JSON.stringify(body), agent, keep: true });
    if (answer.status !== 204) throw new Error(`${path}: ${answer.status} ${answer.content}`);
  };
  for (let round = 0; round <= rounds; round++) {
    const links = await lanesOf(atOnce, LINKS, async () => {
      const [, claims] = (await runtime.link(ARCHIVE)).split('.');
      const { sub: order, jti } = JSON.parse(Buffer.from(claims, 'base64url'));
      return { order, jti, browsers: BROWSERS };
    });
    await sleep(ALARMS_MS);
    const download = () => measured(atOnce, LINKS, (lane, turn) => ask('/order', links[lane][turn]));
    const count = () => measured(atOnce, LINKS, (lane) => ask('/counter', { name: `alone-${atOnce}-${lane}`, counts: 3 * BROWSERS }));
    const tasks = [async () => downloads.push(each(BROWSERS, await download())), async () => counts.push(each(3 * BROWSERS, await count()))];
    for (const task of round % 2 === 0 ? tasks : tasks.reverse()) await task();
    // The first warms up.
    if (round === 0) [downloads.length, counts.length] = [0, 0];
  }
  return { atOnce, ours: summary(downloads), counter: summary(counts), rateToCounter: rateRatio(downloads, counts) };
}

/** What was measured of `many` things that were asked for by one request, per thing. */
const each = (many, { perSecond, latencies }) => ({ perSecond: perSecond * many, latencies: latencies.map((ms) => ms / many) });

/** `many` of them for each lane, made one after the other. */
async function lanesOf(lanes, many, make) {
  const all = Array.from({ length: lanes }, () => []);
  for (const lane of all) for (let at = 0; at < many; at++) lane.push(await make());
  return all;
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
