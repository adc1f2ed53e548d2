import { mkdtempSync, readFileSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from '../../src/cli/build.mjs';
import { ROOT, lockedVersion } from '../../src/cli/project.mjs';
import { Advice, program, say, step } from '../../src/cli/terminal.mjs';
import { concurrency } from './parts/concurrency.mjs';
import { cost } from './parts/cost.mjs';
import { downloads } from './parts/downloads.mjs';
import { entries } from './parts/entries.mjs';
import { insertions } from './parts/insertions.mjs';
import { micro } from './parts/micro.mjs';
import { ranges } from './parts/ranges.mjs';
import { redemption } from './parts/redemption.mjs';
import { size } from './parts/size.mjs';
import { write } from './report.mjs';
import { Runtime } from './runtime.mjs';

const PARTS = { downloads, entries, insertions, ranges, concurrency, redemption, size, micro, cost };
const RESULTS = join(ROOT, 'tests', 'bench', 'results.json');
const USAGE = `Try: npm run bench -- --quick, or a part of it: npm run bench -- ${Object.keys(PARTS).join(' ')}`;

/**
 * `npm run bench`: measures everything, or the parts that are named, and writes results.json, results.md and plot.svg.
 * `--quick` is small, for trying out, and writes nothing.
 */
async function bench() {
  if (os.platform() !== 'linux') throw new Advice('this reads /proc, which only Linux has.');
  const { quick, names } = wanted();
  await build();
  const results = existsSync(RESULTS) ? JSON.parse(readFileSync(RESULTS, 'utf8')) : {};
  for (const name of names) {
    const folder = mkdtempSync(join(os.tmpdir(), 'bookplate-bench-'));
    try {
      const start = (what) => Runtime.start(folder, what);
      const before = circumstances(quick);
      const result = await step(`Measuring ${name}`, quick ? '10–40 s' : '1–8 min', () => PARTS[name]({ quick, start, say: (line) => say(`  ${line}`) }));
      results[name] = { circumstances: before, ...result };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    if (!quick) writeFileSync(RESULTS, `${JSON.stringify(results, rounded, 2)}\n`);
  }
  write(quick ? Object.fromEntries(names.map((name) => [name, results[name]])) : results, { keep: !quick });
}

function wanted() {
  try {
    const { values, positionals } = parseArgs({ options: { quick: { type: 'boolean', default: false } }, allowPositionals: true });
    const unknown = positionals.filter((name) => !(name in PARTS));
    if (unknown.length > 0) throw new Error(`there is no part ${unknown.join(', ')}`);
    return { quick: values.quick, names: positionals.length > 0 ? positionals : Object.keys(PARTS) };
  } catch (error) {
    throw new Advice(`${error.message}. ${USAGE}`);
  }
}

/** What figures depend on; the load tells whether the machine had something else to do. */
function circumstances(quick) {
  return {
    date: new Date().toISOString().slice(0, 10),
    quick,
    processor: os.cpus()[0].model,
    cores: os.cpus().length,
    memoryGib: Math.round(os.totalmem() / 2 ** 30),
    system: `${os.type()} ${os.release()}`,
    node: process.version,
    workerd: JSON.parse(readFileSync(join(ROOT, 'node_modules', 'workerd', 'package.json'), 'utf8')).version,
    worker: lockedVersion('worker'),
    loadBefore: os.loadavg()[0],
  };
}

/** Six digits are more than any of it is good for. */
function rounded(key, value) {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value;
}

await program(import.meta.url, bench);
