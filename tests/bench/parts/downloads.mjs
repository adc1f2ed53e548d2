import yauzl from 'yauzl';
import { interleaved, median, pairedRatios, slope, spread } from '../stats.mjs';
import { publish } from '../archives.mjs';

export const PLATE_BYTES = 1024 * 1024;
const MB = 1e6;
const OTHERS = ['jszip', 'zipjs', 'client-zip', 'rust-zip'];

/** By size in MB: pairs of ours with raw, and rounds of each other variant with both. */
const FULL = { 1: [20, 5], 20: [20, 5], 200: [20, 10], 2000: [20, 1] };
const QUICK = { 1: [5, 2], 20: [5, 2] };
const MEMORY_ROUNDS = { full: 3, quick: 1 };
/** Downloads of the smallest archive after which V8 has compiled anew what is used much: seen at the eighth. */
const WARM_UPS = 10;

export const archiveOf = (mb) => `m${mb}.zip`;
export const shapeOf = (mb) => ({ count: Math.max(1, Math.round((mb * MB) / PLATE_BYTES)), length: PLATE_BYTES });

/** (1) One download: throughput, CPU, first byte and peak memory, per variant and size. */
export async function downloads({ quick, start, say }) {
  const plan = quick ? QUICK : FULL;
  const sizes = Object.keys(plan).map(Number);
  const archives = sizes.map(archiveOf);
  const open = (variants = ['raw', ...OTHERS]) => start({ archives, variants });

  const runtime = await open();
  for (const mb of sizes) await publish(runtime, archiveOf(mb), shapeOf(mb));
  for (const name of ['ours', ...OTHERS]) await checkCopy(runtime, name, Math.min(...sizes));
  await runtime.close();

  const rows = [];
  const warm = async (name, variants = ['raw']) => warmedUp(await open(variants), name, archiveOf(Math.min(...sizes)));
  for (const mb of sizes) {
    const [pairs, rounds] = plan[mb];
    say(`${mb} MB: ${pairs} pairs with R2 alone`);
    const found = await together(open, ['raw', 'piped', 'ours'], mb, pairs, Math.min(...sizes));
    for (const [name, copies] of Object.entries(found)) rows.push(row(name, mb, copies, found.raw, found.ours));
    for (const name of OTHERS) {
      say(`${mb} MB: ${name}`);
      try {
        const theirs = () => firstAndAgain(() => warm(name, ['raw', name]), name, archiveOf(mb));
        const { raw, ours, [name]: copies } = await beside(warm, mb, { [name]: theirs }, rounds);
        const first = row(name, mb, copies.map(({ first }) => first), raw, ours);
        rows.push({ ...row(name, mb, copies.map(({ again }) => again), raw, ours), first });
      } catch (error) {
        rows.push({ variant: name, mb, failed: error.message });
      }
    }
  }
  say('peak memory, each in a runtime of its own');
  for (const found of rows.filter(({ failed }) => !failed)) {
    const peaks = [];
    const grown = [];
    const times = ['raw', 'ours'].includes(found.variant) ? MEMORY_ROUNDS[quick ? 'quick' : 'full'] : 1;
    for (let round = 0; round < times; round++) {
      const { peakBytes, grownBytes } = await alone(open, found.variant, found.mb, Math.min(...sizes));
      peaks.push(peakBytes);
      grown.push(grownBytes);
    }
    Object.assign(found, { peakBytes: median(peaks), grownBytes: median(grown) });
  }
  return { rows, growth: growth(rows) };
}

/** What is compared must do the same: the base's files and the two new ones, as a reader of ZIPs sees them. */
async function checkCopy(runtime, name, mb) {
  const lease = name === 'ours' && (await runtime.lease(archiveOf(mb)));
  const { content } = await runtime.download(name, archiveOf(mb), lease, { keep: true });
  const { count } = shapeOf(mb);
  const names = await entryNames(content);
  const lacking = ['LICENSE.txt', 'README.txt'].filter((file) => !names.some((found) => found.split('/').at(-1) === file));
  if (names.length !== count + 2 || lacking.length > 0) throw new Error(`${name}: ${names.length} entries, without ${lacking}`);
}

function entryNames(content) {
  return new Promise((resolve, reject) => {
    yauzl.fromBuffer(content, { lazyEntries: false }, (error, zip) => {
      if (error) return reject(error);
      const names = [];
      zip.on('entry', ({ fileName }) => names.push(fileName));
      zip.on('end', () => resolve(names)).on('error', reject);
    });
  });
}

/** Rounds in one runtime, of those that leave no garbage behind: what is luck of one process is the same for all. */
async function together(open, names, mb, rounds, warmUpMb) {
  const runtime = await open(names.filter((name) => name !== 'ours'));
  try {
    for (const name of names) await warmedUp(runtime, name, archiveOf(warmUpMb));
    const tasks = Object.fromEntries(names.map((name) => [name, sampler(runtime, name, archiveOf(mb))]));
    for (const task of Object.values(tasks)) await task();
    return await interleaved(tasks, rounds);
  } finally {
    await runtime.close();
  }
}

/** Rounds of R2 alone, of ours, and of what else: each in a process of its own. */
async function beside(warm, mb, others, rounds) {
  const runtimes = [];
  try {
    const tasks = {};
    for (const name of ['raw', 'ours']) {
      const runtime = await warm(name);
      runtimes.push(runtime);
      tasks[name] = sampler(runtime, name, archiveOf(mb));
      await tasks[name]();
    }
    return await interleaved({ ...tasks, ...others }, rounds);
  } finally {
    for (const runtime of runtimes) await runtime.close();
  }
}

/**
 * The first download of its size in a process, which has to get the memory that it takes, and the next one, which finds
 * what the first has left: WASM memory never shrinks, and the allocator keeps what V8 gave back.
 */
async function firstAndAgain(warm, name, archive) {
  const runtime = await warm();
  try {
    const download = sampler(runtime, name, archive);
    return { first: await download(), again: await download() };
  } finally {
    await runtime.close();
  }
}

async function warmedUp(runtime, name, smallest) {
  const download = sampler(runtime, name, smallest);
  try {
    for (let at = 0; at < WARM_UPS; at++) await download();
  } catch (error) {
    await runtime.close();
    throw error;
  }
  return runtime;
}

/** A metered download after the other, by leases that are renewed before they are worn out. */
export function sampler(runtime, name, archive, init) {
  const uses = 12;
  let [lease, used] = [null, uses];
  return async () => {
    if (name === 'ours' && used >= uses) {
      [lease, used] = [await runtime.lease(archive), 0];
      // The order's alarm rings after it: that is the purchase's work, not the download's.
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    used++;
    return runtime.metered(() => runtime.download(name, archive, lease, init));
  };
}

async function alone(open, name, mb, warmUpMb) {
  const runtime = await open([...new Set(['raw', ...(name === 'ours' ? [] : [name])])]);
  try {
    await sampler(runtime, name, archiveOf(warmUpMb))();
    return await sampler(runtime, name, archiveOf(mb))();
  } finally {
    await runtime.close();
  }
}

function row(variant, mb, own, raw, ours) {
  const pick = (list, key) => list.map((sample) => sample[key]);
  const rate = (list) => list.map(({ bytes, seconds }) => bytes / seconds);
  const ratio = (key, to) => pairedRatios(pick(own, key), pick(to, key));
  return {
    variant,
    mb,
    bytesPerSecond: spread(rate(own)),
    cpuSeconds: spread(pick(own, 'cpuSeconds')),
    firstByteMs: spread(pick(own, 'firstByteMs')),
    throughputToRaw: pairedRatios(rate(own), rate(raw)),
    cpuToRaw: ratio('cpuSeconds', raw),
    firstByteAfterRawMs: spread(own.map((sample, at) => sample.firstByteMs - raw[at].firstByteMs)),
    cpuToOurs: ratio('cpuSeconds', ours),
    throughputToOurs: pairedRatios(rate(own), rate(ours)),
  };
}

/** How CPU and memory grow: per gigabyte, over the sizes that worked. */
function growth(rows) {
  return Object.entries(Object.groupBy(rows, ({ variant }) => variant)).map(([variant, of]) => {
    const worked = of.filter(({ failed }) => !failed);
    const per = (value) => (worked.length < 2 ? null : slope(worked.map((found) => [found.mb / 1000, value(found)])));
    return { variant, cpuSecondsPerGb: per((found) => found.cpuSeconds.median), peakBytesPerGb: per((found) => found.peakBytes) };
  });
}
