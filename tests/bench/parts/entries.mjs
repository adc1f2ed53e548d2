import { publish } from '../archives.mjs';
import { interleaved, pairedRatios, spread } from '../stats.mjs';
import { sampler } from './downloads.mjs';

const FULL = [10, 1_000, 100_000, 500_000];
const QUICK = [10, 1_000, 20_000];
const FILE_BYTES = 16;
/** As many files has the archive of the same length that each is compared with: more bytes take more CPU as well. */
const FEW = 10;
const ROUNDS = { full: 15, quick: 4 };

/** (2) Number of entries: the first look at an archive, one by what KV remembers, and those after. */
export async function entries({ quick, start, say }) {
  const counts = quick ? QUICK : FULL;
  const archives = counts.map((count) => `e${count}.zip`);
  const controls = counts.map((count) => `s${count}.zip`);
  const open = () => start({ archives: [...archives, ...controls], variants: ['raw'] });
  const runtime = await open();
  for (const [at, count] of counts.entries()) {
    const bytes = await publish(runtime, archives[at], { count, length: FILE_BYTES });
    await publish(runtime, controls[at], { count: FEW, length: Math.round(bytes / FEW) });
  }
  await runtime.close();

  const rows = [];
  for (const [at, count] of counts.entries()) {
    say(`${count} entries`);
    const cold = await firstLook(open, archives[at]);
    const known = await firstLook(open, archives[at]);
    const warm = await open();
    try {
      const tasks = {
        raw: sampler(warm, 'raw', archives[at]),
        ours: sampler(warm, 'ours', archives[at]),
        few: sampler(warm, 'ours', controls[at]),
      };
      for (const task of Object.values(tasks)) await task();
      const { raw, ours, few } = await interleaved(tasks, ROUNDS[quick ? 'quick' : 'full']);
      const cpu = (list) => list.map(({ cpuSeconds }) => cpuSeconds);
      rows.push({
        entries: count,
        cold,
        known,
        warmCpuSeconds: spread(cpu(ours)),
        warmCpuToFew: pairedRatios(cpu(ours), cpu(few)),
        warmCpuOverRawSeconds: spread(ours.map(({ cpuSeconds }, pair) => cpuSeconds - raw[pair].cpuSeconds)),
      });
    } finally {
      await warm.close();
    }
  }
  return { rows };
}

/** The page in a fresh runtime, and what it takes; a small archive's page has loaded the code before. */
async function firstLook(open, archive) {
  const runtime = await open();
  try {
    await runtime.request('ours', '/dev/memory');
    const token = await runtime.link(archive);
    const path = `/download?token=${token}`;
    const page = await runtime.metered(() => runtime.request('ours', path, { headers: { accept: 'text/html' } }));
    const memory = await runtime.request('ours', '/dev/memory', { keep: true });
    return { seconds: page.seconds, cpuSeconds: page.cpuSeconds, grownBytes: page.grownBytes, wasmBytes: JSON.parse(memory.content).wasm_bytes };
  } finally {
    await runtime.close();
  }
}
