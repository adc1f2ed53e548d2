import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../src/cli/project.mjs';
import { plot } from './plot.mjs';
import { targets } from './targets.mjs';
import { VARIANTS } from './workers.mjs';

const FOLDER = join(ROOT, 'tests', 'bench');
const README = join(ROOT, 'README.md');
const [BEGIN, END] = ['<!-- bench: written by npm run bench -->', '<!-- /bench -->'];
const MIB = 2 ** 20;
/** A share of the machine. */
const MOST_BUSY_ELSEWHERE = 0.05;

const NAMES = { ours: 'Bookplate', ...VARIANTS };

/**
 * Shows the report, and with `keep` writes it to results.md, plot.svg, and the README.
 * @param {Record<string, any>} results
 * @param {{ keep: boolean }} options
 */
export function write(results, { keep }) {
  const text = report(results);
  console.log(text);
  if (!keep) return;
  writeFileSync(join(FOLDER, 'results.md'), text);
  if (!results.downloads) return;
  writeFileSync(join(FOLDER, 'plot.svg'), plot(cpuBySize(results.downloads)));
  const readme = readFileSync(README, 'utf8');
  if (!readme.includes(BEGIN)) return;
  const [before, rest] = readme.split(BEGIN);
  const [, after] = rest.split(END);
  writeFileSync(README, `${before}${BEGIN}\n${summary(results.downloads)}\n${END}${after}`);
}

/** @param {Record<string, any>} results */
export function report(results) {
  const sections = [
    '# Benchmarks',
    'Written by `npm run bench`. Ratios are of neighbours in one run: median [quartiles]. 1 MB is 10^6 bytes.',
    circumstances(results),
    '## What was to be reached',
    table(['part', 'target', 'found', ''], targets(results).map(({ part, target, found, met }) => [part, target, found, { true: 'met', false: '**missed**', null: '–' }[met]])),
    ...[downloads, memory, entries, insertions, ranges, concurrency, redemption, size, micro, cost].flatMap((section) => (results[section.name] ? section(results[section.name]) : [])),
  ];
  return `${sections.join('\n\n')}\n`;
}

function circumstances(results) {
  const rows = Object.entries(results).map(([part, { circumstances: at }]) => [
    part, at.date, at.quick ? 'quick' : 'full', `${at.cores} × ${at.processor}, ${at.memoryGib} GiB`, at.system, at.workerd, at.node, at.loadBefore.toFixed(1), at.busyElsewhere === undefined ? 'not measured' : `${(at.busyElsewhere * 100).toFixed(0)} %`,
  ]);
  const disturbed = Object.entries(results).filter(([, { circumstances: at }]) => wasDisturbed(at));
  const warning = disturbed.length > 0 ? `\n\n**Other programs ran on this machine meanwhile (${disturbed.map(([part]) => part).join(', ')}): absolute figures there are not to be trusted, ratios less than they seem.**` : '';
  return table(['part', 'measured', 'sizes', 'machine', 'system', 'workerd', 'Node', 'load before', 'taken by others'], rows) + warning;
}

const wasDisturbed = ({ busyElsewhere, loadBefore }) => (busyElsewhere ?? loadBefore) > MOST_BUSY_ELSEWHERE;

function downloads({ rows, growth }) {
  const body = rows.map((row) =>
    row.failed
      ? [NAMES[row.variant], row.mb, `failed: ${row.failed}`, '', '', '', '', '']
      : [
          NAMES[row.variant], row.mb, `${(row.bytesPerSecond.median / 1e6).toFixed(0)} MB/s`, ratio(row.throughputToRaw), seconds(row.cpuSeconds), ratio(row.cpuToRaw),
          ratio(row.cpuToOurs), `${row.firstByteMs.median.toFixed(1)} ms`, mib(row.peakBytes), mib(row.grownBytes),
        ],
  );
  return [
    '## 1. One download',
    table(['variant', 'MB', 'throughput', 'to raw', 'CPU', 'to raw', 'to ours', 'first byte', 'peak', 'over warm'], body),
    'R2 alone, one native pipe, and Bookplate take turns in one runtime. Each of the others has a process of its own, since they leave garbage behind, and so have R2 alone and Bookplate beside it. All have made copies of the smallest archive before. What the others take for a copy depends on what they have left of the one before: the above is in memory that was kept, this is the first of its size. Ours can take no less than R2 alone, so no more than `to raw` can be found `to ours`.',
    table(['first of its size', 'MB', 'throughput', 'CPU', 'to raw', 'to ours'], rows.filter(({ first }) => first).map(({ first }) => [NAMES[first.variant], first.mb, `${(first.bytesPerSecond.median / 1e6).toFixed(0)} MB/s`, seconds(first.cpuSeconds), ratio(first.cpuToRaw), ratio(first.cpuToOurs)])),
    'Growth per GB, by least squares over the sizes:',
    table(['variant', 'CPU', 'peak memory'], growth.map((row) => [NAMES[row.variant], row.cpuSecondsPerGb === null ? '–' : `${row.cpuSecondsPerGb.toFixed(2)} s`, row.peakBytesPerGb === null ? '–' : mib(row.peakBytesPerGb)])),
  ];
}

function memory({ copies, rows, steps }) {
  const over = (found, from) => mib(found - from);
  const names = { bare: 'nothing (the same twice)', control: 'a bare script with the same bindings', 'rust-zip': NAMES['rust-zip'], ours: NAMES.ours, 'ours without TurboFan': `${NAMES.ours}, V8 without TurboFan` };
  const cases = rows.map(({ case: name, rawUsed, used }) => [
    names[name], mib(rawUsed.peakBytes), mib(used.peakBytes), over(used.peakBytes, rawUsed.peakBytes), over(used.programBytes, rawUsed.programBytes), over(used.ownBytes, rawUsed.ownBytes),
  ]);
  const walked = steps.map((step, at) => {
    const from = steps[at - 1] ?? { programBytes: 0, ownBytes: 0 };
    return [step.step, mib(step.peakBytes), over(step.programBytes, from.programBytes), over(step.ownBytes, from.ownBytes)];
  });
  return [
    '### Where the memory is',
    `Resident after ${copies} copies of 1 MB. In one process R2 alone was used, in another what is in the runtime beside it. The runtime's program is a file whose pages are read in when they are first run.`,
    table(['in the runtime beside R2 alone', 'peak, R2 used', 'peak, it used', 'over', "of it the runtime's program", 'its own'], cases),
    'Step by step, in one process:',
    table(['step', 'peak', "more of the runtime's program", 'more of its own'], walked),
  ];
}

function entries({ rows }) {
  const look = ({ seconds: took, cpuSeconds, wasmBytes }) => `${(took * 1000).toFixed(0)} ms, CPU ${(cpuSeconds * 1000).toFixed(0)} ms, WASM ${mib(wasmBytes)}`;
  return [
    '## 2. Number of entries',
    table(['entries', 'first look', 'a new runtime, index in KV', 'warm download, CPU', 'over raw', 'to 10 entries of the same length'], rows.map((row) => [row.entries.toLocaleString('en'), look(row.cold), look(row.known), seconds(row.warmCpuSeconds), seconds(row.warmCpuOverRawSeconds), ratio(row.warmCpuToFew)])),
  ];
}

function insertions({ mb, rows }) {
  return [
    '## 3. Insertions',
    table(['insertions', `pump, ${mb} MB`, 'segments', 'throughput to raw', 'CPU to raw', 'over warm'], rows.map((row) => [row.insertions, row.pump, row.segments, ratio(row.throughputToRaw), ratio(row.cpuToRaw), row.grownBytes ? mib(row.grownBytes.median) : ''])),
  ];
}

function ranges(found) {
  return [
    '## 4. Ranges',
    table(['last tenth of', 'share of the bytes', 'seconds to whole', 'CPU to whole', 'CPU to raw'], [[`${found.mb} MB`, found.share.toFixed(3), ratio(found.secondsToWhole), ratio(found.cpuToWhole), ratio(found.cpuToRawResumed)]]),
  ];
}

function concurrency({ rows, bytesPerClient }) {
  return [
    '## 5. Slow clients at once',
    table(['variant', 'clients', 'peak', 'over warm', 'CPU', 'the slowest got'], rows.map((row) => [NAMES[row.variant], row.clients, mib(row.peakBytes), mib(row.grownBytes), `${row.cpuSeconds.toFixed(2)} s`, mib(row.slowestBytes)])),
    `One more client takes ${mib(bytesPerClient.ours)}; of R2 alone ${mib(bytesPerClient.raw)}.`,
  ];
}

function redemption({ objects, rows, webhooks }) {
  const row = (what, { perSecond, p50Ms, p99Ms }, to) => [what, spreadOf(perSecond, 0), p50Ms.toFixed(2), p99Ms.toFixed(2), ratio(to)];
  const pairs = (ofThem, what, bare) =>
    ofThem.flatMap(({ atOnce, ours, counter, rateToCounter }) => [row(`${what}, ${atOnce} at once`, ours, rateToCounter), row(`${bare}, ${atOnce} at once`, counter)]);
  const webhook = [row('webhook accepted', webhooks.ours, webhooks.rateToBare), row('new bare object', webhooks.fresh), row('bare route', webhooks.bare)];
  const head = ['what', 'per second', 'p50 ms', 'p99 ms', 'to bare'];
  return [
    '## 6. Redemption and webhooks',
    'The objects alone, asked by a Worker: redeem, begin and finish, each of which changes the order, and a bare counter.',
    table(head, pairs(objects, 'redeem, begin, finish', 'bare counter')),
    'As a client sees it. A click and a download are two requests, four object calls, and three reads of R2; a count is one request and one call.',
    table(head, [...pairs(rows, 'click and download', 'count'), ...webhook]),
  ];
}

function size(found) {
  return [
    '## 7. Size and start',
    `${kb(found.raw)} of WASM, ${kb(found.gzipped)} gzipped. Compiled in ${found.compileMs.median.toFixed(1)} ms (V8 leaves most functions for later), instantiated in ${found.instantiateMs.median.toFixed(1)} ms; the first request to a new runtime takes ${found.firstRequestMs.median.toFixed(0)} ms, the next ${found.nextRequestMs.median.toFixed(0)} ms.`,
    table(['part', 'bytes', 'gzipped'], found.rows.filter(({ gzipped }) => gzipped > 1000).map((row) => [row.part, kb(row.bytes), kb(row.gzipped)])),
    table(['code of', 'bytes', 'functions'], found.byCrate.map((row) => [row.crate, kb(row.bytes), row.functions])),
  ];
}

function micro({ rows }) {
  return ['## 8. Native micro-benchmarks', table(['what', 'median', 'from', 'to'], rows.map((row) => [row.name, ...[row.median, row.low, row.high].map(nanoseconds)]))];
}

function cost({ rows, total, priced, objectSecondDollars }) {
  const pages = [...new Set(rows.map(({ page }) => page))].map((page) => `<${page}>`).join(', ');
  return [
    '## 9. A million purchases and downloads of 100 MB',
    `Operations counted in the runtime. Prices beyond what the paid plan includes, ${priced}: ${pages}. The size is in no price: R2's egress is free. A purchase's KV read and one of its KV writes are the development outbox's: a mail provider takes neither.`,
    table(['step', 'operation', 'each', '$ per million', 'for a million'], [...rows.map((row) => [row.step, row.what, row.count, row.price, dollars(row.dollars)]), ['all', '', '', '', dollars(total)]]),
    `Not in it: storage, CPU ($0.02 per million ms), the mail, and the time that objects are awake: ${dollars(objectSecondDollars)} for a second of each order.`,
  ];
}

function summary({ rows, circumstances: at }) {
  const largest = Math.max(...rows.filter(({ failed }) => !failed).map(({ mb }) => mb));
  const of = rows.filter(({ mb }) => mb === largest);
  const body = of.map((row) => (row.failed ? [NAMES[row.variant], 'failed', '', '', ''] : [NAMES[row.variant], `${(row.bytesPerSecond.median / 1e6).toFixed(0)} MB/s`, seconds(row.cpuSeconds), `${ratio(row.cpuToOurs)}`, mib(row.grownBytes)]));
  return `${table([`one download of ${largest.toLocaleString('en')} MB`, 'throughput', 'CPU', 'CPU to Bookplate', 'memory it takes'], body)}\n\n${wasDisturbed(at) ? 'The machine had other work meanwhile, so these figures are rough.\n\n' : ''}![CPU seconds by size](tests/bench/plot.svg)`;
}

function cpuBySize({ rows }) {
  // The pipe alone lies between its neighbours, and hides both.
  const drawn = rows.filter(({ failed, variant }) => !failed && variant !== 'piped');
  const lines = Object.entries(Object.groupBy(drawn, ({ variant }) => variant));
  return {
    title: 'CPU of one download',
    x: 'archive, MB',
    y: 'CPU seconds of the runtime',
    lines: lines.map(([variant, of]) => ({ name: NAMES[variant], points: of.map((row) => [row.mb, row.cpuSeconds.median]) })),
  };
}

/**
 * A table in Markdown.
 * @param {string[]} head
 * @param {(string | number)[][]} rows
 */
export function table(head, rows) {
  const line = (cells) => `| ${head.map((_, at) => String(cells[at] ?? '').replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

const spreadOf = ({ median, q1, q3 }, digits) => `${median.toFixed(digits)} [${q1.toFixed(digits)}, ${q3.toFixed(digits)}]`;
const ratio = (found) => (found ? spreadOf(found, 2) : '');
const seconds = ({ median }) => `${median.toFixed(3)} s`;
const mib = (bytes) => `${(bytes / MIB).toFixed(1)} MiB`;
const kb = (bytes) => `${(bytes / 1000).toFixed(1)} KB`;
const dollars = (amount) => `$${amount.toFixed(2)}`;
const nanoseconds = (ns) => (ns >= 1e6 ? `${(ns / 1e6).toFixed(2)} ms` : ns >= 1e3 ? `${(ns / 1e3).toFixed(2)} µs` : `${ns.toFixed(0)} ns`);
