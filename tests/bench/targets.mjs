const MIB = 2 ** 20;

/**
 * What was promised, and what was found: met, missed, or not measured. A miss fails nothing: it is read.
 * @param {Record<string, any>} results
 * @returns {{ part: string, target: string, found: string, met: boolean | null }[]}
 */
export function targets(results) {
  return [
    ...downloads(results.downloads),
    ...entries(results.entries),
    ...insertions(results.insertions),
    ...ranges(results.ranges),
    ...redemption(results.redemption),
    ...size(results.size),
  ];
}

function downloads(found) {
  const row = (variant, mb) => found?.rows.find((one) => one.variant === variant && one.mb === mb);
  const ours = (mb) => row('ours', mb);
  // The pipe is what bytes of our own behind the archive's take, in whatever language.
  const ofPipe = (mb, key) => (row('piped', mb) ? `; one pipe alone ${row('piped', mb)[key].median.toPrecision(3)}` : '');
  const list = [
    atLeast('1', 'throughput at 200 MB at least 0.90 of raw', ours(200)?.throughputToRaw.median, 0.9, ofPipe(200, 'throughputToRaw')),
    atLeast('1', 'throughput at 2,000 MB at least 0.95 of raw', ours(2000)?.throughputToRaw.median, 0.95, ofPipe(2000, 'throughputToRaw')),
    ...[200, 2000].map((mb) => atMost('1', `CPU at ${mb} MB at most 1.1 of raw`, ours(mb)?.cpuToRaw.median, 1.1, ofPipe(mb, 'cpuToRaw'))),
  ];
  for (const [variant, times] of [['jszip', 8], ['rust-zip', 8], ['zipjs', 5]]) {
    const again = row(variant, 200);
    // Ours can't take less than R2 alone: more than this could not be found.
    const most = (found) => (found?.cpuToRaw ? ` times; ${found.cpuToRaw.median.toPrecision(3)} times raw` : '');
    const target = `CPU of ${variant} at 200 MB at least ${times} times ours`;
    list.push(atLeast('1', `${target}, in memory that it kept`, again?.cpuToOurs?.median, times, most(again)));
    list.push(atLeast('1', `${target}, the first of its size`, again?.first?.cpuToOurs.median, times, most(again?.first)));
  }
  for (const { mb } of found?.rows.filter(({ variant }) => variant === 'ours') ?? []) {
    const over = (ours(mb).peakBytes - row('raw', mb).peakBytes) / MIB;
    list.push(atMost('1', `peak memory at ${mb} MB within 16 MiB of raw`, over, 16, ' MiB'));
    list.push(atMost('1', `first byte at ${mb} MB within 10 ms of raw, warm`, ours(mb).firstByteAfterRawMs.median, 10, ' ms'));
  }
  return list;
}

function entries(found) {
  const most = found?.rows.find((row) => row.entries === 500_000);
  return [
    atMost('2', 'WASM memory after 500,000 entries, cold, below 128 MiB', most && most.cold.wasmBytes / MIB, 128, ' MiB'),
    // A tenth is what two runs of the same differ by.
    atMost('2', 'warm CPU with 500,000 entries at most 1.1 of that with 10, of the same length', most?.warmCpuToFew.median, 1.1),
  ];
}

function insertions(found) {
  const best = found?.rows.filter(({ insertions: count }) => count === 1000).map(({ throughputToRaw }) => throughputToRaw.median);
  return [atLeast('3', 'throughput with 1,000 insertions at least 0.7 of raw (the best pump)', best?.length ? Math.max(...best) : undefined, 0.7)];
}

function ranges(found) {
  // What the remaining bytes cost is a whole's share of them, and what each request costs besides.
  return [atMost('4', 'CPU of the last tenth at most 0.15 of the whole', found?.cpuToWhole.median, 0.15)];
}

function redemption(found) {
  const one = found?.objects.find(({ atOnce }) => atOnce === 1);
  const many = found?.objects.at(-1);
  return [
    atLeast('6', 'redeem, begin and finish at least 0.25 of a bare counter', one?.rateToCounter.median, 0.25),
    atLeast('6', `${many?.atOnce ?? 'many'} orders at once faster than one`, many && many.ours.perSecond.median / one.ours.perSecond.median, 1, ' times'),
  ];
}

function size(found) {
  return [
    atMost('7', 'WASM below 400 KB gzipped', found && found.gzipped / 1000, 400, ' KB'),
    atMost('7', 'instantiated within 50 ms, compiled before', found?.instantiateMs.median, 50, ' ms'),
  ];
}

const atLeast = (part, target, value, bound, unit) => verdict(part, target, value, (value) => value >= bound, unit);
const atMost = (part, target, value, bound, unit) => verdict(part, target, value, (value) => value <= bound, unit);

function verdict(part, target, value, holds, unit = '') {
  if (value === undefined) return { part, target, found: 'not measured', met: null };
  return { part, target, found: `${Number(value.toPrecision(3))}${unit}`, met: holds(value) };
}
