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
import { memory } from './parts/memory.mjs';
import { micro } from './parts/micro.mjs';
import { ranges } from './parts/ranges.mjs';
import { redemption } from './parts/redemption.mjs';
import { size } from './parts/size.mjs';
import { write } from './report.mjs';
import { Runtime } from './runtime.mjs';

const PARTS = { downloads, memory, entries, insertions, ranges, concurrency, redemption, size, micro, cost };
const RESULTS = join(ROOT, 'tests', 'bench', 'results.json');
const USAGE = `Try: npm run bench -- --quick, or a part of it: npm run bench -- ${Object.keys(PARTS).join(' ')}`;

/**
 * `npm run bench`: measures everything, or the parts that are named, and writes results.json, results.md and plot.svg.
 * `--quick` is small, for trying out, and writes nothing; `--report` measures nothing, and writes what was found again.
 */
async function bench() {
  if (os.platform() !== 'linux') throw new Advice('this reads /proc, which only Linux has.');
  const { quick, report, names } = wanted();
  const results = existsSync(RESULTS) ? JSON.parse(readFileSync(RESULTS, 'utf8')) : {};
  if (report) return write(results, { keep: true });
  await build();
  for (const name of names) {
    const folder = mkdtempSync(join(os.tmpdir(), 'bookplate-bench-'));
    try {
      const start = (what) => Runtime.start(folder, what);
      const before = circumstances(quick);
      const busy = busyElsewhere();
      const result = await step(`Measuring ${name}`, quick ? '10–40 s' : '1–8 min', () => PARTS[name]({ quick, start, say: (line) => say(`  ${line}`) }));
      results[name] = { circumstances: { ...before, busyElsewhere: busy() }, ...result };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    if (!quick) writeFileSync(RESULTS, `${JSON.stringify(results, rounded, 2)}\n`);
  }
  write(quick ? Object.fromEntries(names.map((name) => [name, results[name]])) : results, { keep: !quick });
}

function wanted() {
  try {
    const { values, positionals } = parseArgs({ options: { quick: { type: 'boolean' }, report: { type: 'boolean' } }, allowPositionals: true });
    const unknown = positionals.filter((name) => !(name in PARTS));
    if (unknown.length > 0) throw new Error(`there is no part ${unknown.join(', ')}`);
    return { quick: values.quick ?? false, report: values.report ?? false, names: positionals.length > 0 ? positionals : Object.keys(PARTS) };
  } catch (error) {
    throw new Advice(`${error.message}. ${USAGE}`);
  }
}

/**
 * From now until it is called: the share of the machine that programs took which are none of ours.
 * @returns {() => number} from 0 to 1
 */
function busyElsewhere() {
  const seconds = () => {
    const times = os.cpus().map(({ times }) => times);
    const all = times.map(({ user, nice, sys, idle, irq }) => ({ busy: user + nice + sys + irq, total: user + nice + sys + irq + idle }));
    const sum = (key) => all.reduce((total, core) => total + core[key], 0) / 1000;
    // Fields 14 to 17 of proc(5)'s stat: ours, and those of the runtimes and builds that have ended.
    const own = readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ').slice(11, 15).reduce((total, ticks) => total + Number(ticks) / 100, 0);
    return { busy: sum('busy'), total: sum('total'), own };
  };
  const from = seconds();
  return () => {
    const to = seconds();
    return Math.max(0, (to.busy - from.busy - (to.own - from.own)) / (to.total - from.total));
  };
}

/** What figures depend on. */
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
