import { once } from 'node:events';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { publish } from '../archives.mjs';
import { archiveOf, shapeOf } from './downloads.mjs';

const CLIENTS = { full: [1, 10, 100], quick: [1, 10] };
const MB = { full: 200, quick: 20 };
const WATCHED_MS = { full: 8_000, quick: 2_000 };
/** A client reads for a moment, and rests. */
const READ_MS = 5;
const REST_MS = 200;

/** (5) Slow clients at once: what the runtime's memory peaks at, and what one more of them takes. */
export async function concurrency({ quick, start, say }) {
  const mode = quick ? 'quick' : 'full';
  const archive = archiveOf(MB[mode]);
  const open = () => start({ archives: [archive], variants: ['raw'] });
  const seeding = await open();
  await publish(seeding, archive, shapeOf(MB[mode]));
  await seeding.close();
  const rows = [];
  for (const worker of ['raw', 'ours']) {
    for (const clients of CLIENTS[mode]) {
      say(`${clients} slow clients of ${worker}`);
      const runtime = await open();
      try {
        rows.push({ variant: worker, clients, ...(await crowd(runtime, worker, archive, clients, WATCHED_MS[mode])) });
      } finally {
        await runtime.close();
      }
    }
  }
  const peak = (worker, clients) => rows.find((row) => row.variant === worker && row.clients === clients).peakBytes;
  const most = CLIENTS[mode].at(-1);
  const perClient = ['raw', 'ours'].map((worker) => [worker, (peak(worker, most) - peak(worker, 1)) / (most - 1)]);
  return { rows, bytesPerClient: Object.fromEntries(perClient) };
}

async function crowd(runtime, worker, archive, clients, watchedMs) {
  const leases = [];
  for (let at = 0; at < clients; at++) leases.push(worker === 'ours' ? await runtime.lease(archive) : null);
  await sleep(500);
  runtime.meter.start();
  const running = new AbortController();
  const readers = leases.map((lease) => slowly(runtime, worker, archive, lease, running.signal));
  await sleep(watchedMs);
  const { peakBytes, grownBytes, cpuSeconds } = runtime.meter.stop();
  running.abort();
  const bytes = await Promise.all(readers);
  return { peakBytes, grownBytes, cpuSeconds, slowestBytes: Math.min(...bytes) };
}

async function slowly(runtime, worker, archive, lease, signal) {
  const path = lease ? lease.path : `/${archive}`;
  const headers = lease ? { cookie: lease.cookie } : {};
  const request = http.get(new URL(path, runtime.origin(worker)), { headers, agent: false });
  const [response] = await once(request, 'response');
  if (response.statusCode !== 200) throw new Error(`${worker}: status ${response.statusCode}`);
  let bytes = 0;
  response.on('data', (chunk) => (bytes += chunk.length));
  response.on('error', () => response.destroy());
  while (!signal.aborted && !response.readableEnded) {
    response.resume();
    await sleep(READ_MS);
    response.pause();
    await sleep(REST_MS);
  }
  request.destroy();
  return bytes;
}
