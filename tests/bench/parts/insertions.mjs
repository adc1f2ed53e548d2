import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Advice, captured } from '../../../src/cli/terminal.mjs';
import { publish, shaped } from '../archives.mjs';
import { interleaved, pairedRatios, spread } from '../stats.mjs';
import { sampler } from './downloads.mjs';

const MB = { full: 200, quick: 20 };
const COUNTS = { full: [0, 10, 1_000], quick: [0, 10, 50] };
const ROUNDS = { full: 15, quick: 3 };
const ARCHIVE = 'inserted.zip';
const PUMPS = ['sequential', 'ahead', 'window'];

/**
 * (3) Bytes put into entries. The service makes no such copies yet: the plan is the domain's own, made natively, and
 * three pumps are tried. 0 insertions is the service itself, and the three.
 */
export async function insertions({ quick, start, say }) {
  const mode = quick ? 'quick' : 'full';
  const most = COUNTS[mode].at(-1);
  // As many files as the most insertions take, of equal length.
  const shape = { count: most, length: Math.round((MB[mode] * 1e6) / most) };
  const open = (variants) => start({ archives: [ARCHIVE], variants });
  const folder = mkdtempSync(join(tmpdir(), 'bookplate-plan-'));
  const runtimes = [];
  try {
    const local = join(folder, ARCHIVE);
    writeFileSync(local, Buffer.concat([...shaped(shape).chunks()]));
    const plans = [];
    for (const count of COUNTS[mode]) plans.push({ count, key: `p${count}`, plan: await planned(local, count) });
    const seeding = await open(['raw']);
    runtimes.push(seeding);
    await publish(seeding, ARCHIVE, shape);
    for (const { key, plan } of plans) await (await seeding.bucket()).put(`${key}.plan`, JSON.stringify({ ...plan, base: ARCHIVE }));
    await runtimes.pop().close();

    // Each in a process of its own: none pays for another's garbage.
    const alone = async (variants) => {
      const runtime = await open(variants);
      runtimes.push(runtime);
      return runtime;
    };
    const pumping = {};
    for (const pump of PUMPS) pumping[pump] = await alone(['pump']);
    const raw = sampler(await alone(['raw']), 'raw', ARCHIVE);
    const service = sampler(await alone([]), 'ours', ARCHIVE);
    const rows = [];
    for (const { count, key, plan } of plans) {
      say(`${count} insertions`);
      await checkAlike(pumping, key);
      const pumps = PUMPS.map((pump) => [pump, () => pumping[pump].metered(() => pumping[pump].request('pump', `/${pump}/${key}`))]);
      const tasks = { raw, ...(count === 0 && { 'the service': service }), ...Object.fromEntries(pumps) };
      for (const task of Object.values(tasks)) await task();
      const { raw: bare, ...others } = await interleaved(tasks, ROUNDS[mode]);
      for (const [pump, samples] of Object.entries(others)) {
        const rate = (list) => list.map(({ bytes, seconds }) => bytes / seconds);
        const cpu = (list) => list.map(({ cpuSeconds }) => cpuSeconds);
        rows.push({
          insertions: count,
          pump,
          segments: plan.segments.length,
          throughputToRaw: pairedRatios(rate(samples), rate(bare)),
          cpuToRaw: pairedRatios(cpu(samples), cpu(bare)),
          grownBytes: spread(samples.map(({ grownBytes }) => grownBytes)),
        });
      }
    }
    return { mb: MB[mode], rows };
  } finally {
    rmSync(folder, { recursive: true, force: true });
    for (const runtime of runtimes) await runtime.close();
  }
}

/** However it is pumped, it is the same copy. */
async function checkAlike(pumping, key) {
  const digests = [];
  for (const pump of PUMPS) {
    const { content } = await pumping[pump].request('pump', `/${pump}/${key}`, { keep: true });
    digests.push(createHash('sha256').update(content).digest('hex'));
  }
  if (new Set(digests).size !== 1) throw new Error(`the pumps differ: ${PUMPS} ${digests}`);
}

async function planned(archive, count) {
  const { code, stdout, stderr } = await captured('cargo', ['run', '--quiet', '--locked', '--example', 'insertion_plan', '--', archive, String(count)]);
  if (code !== 0) throw new Advice(`no plan for ${count} insertions.\n${stderr}`);
  return JSON.parse(stdout);
}
