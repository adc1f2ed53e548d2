import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Advice, captured } from '../../../src/cli/terminal.mjs';
import { publish, shaped } from '../archives.mjs';
import { interleaved, pairedRatios } from '../stats.mjs';
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
  const runtime = await start({ archives: [ARCHIVE], variants: ['raw', 'pump'] });
  const folder = mkdtempSync(join(tmpdir(), 'bookplate-plan-'));
  try {
    await publish(runtime, ARCHIVE, shape);
    const local = join(folder, ARCHIVE);
    writeFileSync(local, Buffer.concat([...shaped(shape).chunks()]));
    const raw = sampler(runtime, 'raw', ARCHIVE);
    const rows = [];
    for (const count of COUNTS[mode]) {
      say(`${count} insertions`);
      const plan = await planned(local, count);
      const key = `p${count}`;
      await (await runtime.bucket()).put(`${key}.plan`, JSON.stringify({ ...plan, base: ARCHIVE }));
      const tasks = { raw };
      if (count === 0) tasks['the service'] = sampler(runtime, 'ours', ARCHIVE);
      for (const pump of PUMPS) tasks[pump] = () => runtime.metered(() => runtime.request('pump', `/${pump}/${key}`));
      await checkAlike(runtime, key);
      for (const task of Object.values(tasks)) await task();
      const { raw: alone, ...others } = await interleaved(tasks, ROUNDS[mode]);
      for (const [pump, samples] of Object.entries(others)) {
        const rate = (list) => list.map(({ bytes, seconds }) => bytes / seconds);
        const cpu = (list) => list.map(({ cpuSeconds }) => cpuSeconds);
        rows.push({
          insertions: count,
          pump,
          segments: plan.segments.length,
          throughputToRaw: pairedRatios(rate(samples), rate(alone)),
          cpuToRaw: pairedRatios(cpu(samples), cpu(alone)),
        });
      }
    }
    return { mb: MB[mode], rows };
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await runtime.close();
  }
}

/** However it is pumped, it is the same copy. */
async function checkAlike(runtime, key) {
  const digests = [];
  for (const pump of PUMPS) {
    const { content } = await runtime.request('pump', `/${pump}/${key}`, { keep: true });
    digests.push(createHash('sha256').update(content).digest('hex'));
  }
  if (new Set(digests).size !== 1) throw new Error(`the pumps differ: ${PUMPS} ${digests}`);
}

async function planned(archive, count) {
  const { code, stdout, stderr } = await captured('cargo', ['run', '--quiet', '--locked', '--example', 'insertion_plan', '--', archive, String(count)]);
  if (code !== 0) throw new Advice(`no plan for ${count} insertions.\n${stderr}`);
  return JSON.parse(stdout);
}
