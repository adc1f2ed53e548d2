/**
 * The value below which a share of the numbers lies, interpolated between neighbours (type 7 of Hyndman and Fan).
 * @param {number[]} numbers
 * @param {number} share from 0 to 1
 */
export function quantile(numbers, share) {
  if (numbers.length === 0) throw new RangeError('no numbers, no quantile');
  const sorted = numbers.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const below = Math.floor(at);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (at - below);
}

/** @param {number[]} numbers */
export const median = (numbers) => quantile(numbers, 0.5);

/**
 * Median, quartiles, and how many.
 * @param {number[]} numbers
 */
export function spread(numbers) {
  const [q1, middle, q3] = [0.25, 0.5, 0.75].map((share) => quantile(numbers, share));
  return { median: middle, q1, q3, n: numbers.length };
}

/**
 * The spread of the ratios of neighbours: what slows the machine for a while slows both of a pair.
 * @param {number[]} numerators
 * @param {number[]} denominators of the same rounds
 */
export function pairedRatios(numerators, denominators) {
  if (numerators.length !== denominators.length) throw new RangeError('a pair lacks its partner');
  return spread(numerators.map((value, at) => value / denominators[at]));
}

/**
 * The slope of the least-squares line.
 * @param {[number, number][]} points
 */
export function slope(points) {
  const mean = (at) => points.reduce((sum, point) => sum + point[at], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const above = points.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0);
  return above / points.reduce((sum, point) => sum + (point[0] - x) ** 2, 0);
}

/**
 * Runs each task once per round. Every other round goes backwards, and each pair of rounds begins elsewhere: what a
 * task leaves behind, warm caches or work unfinished, would else always meet the same one.
 * @template T
 * @param {Record<string, () => Promise<T>>} tasks
 * @param {number} rounds
 * @returns {Promise<Record<string, T[]>>}
 */
export async function interleaved(tasks, rounds) {
  const names = Object.keys(tasks);
  const results = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    const from = Math.floor(round / 2) % names.length;
    const order = [...names.slice(from), ...names.slice(0, from)];
    for (const name of round % 2 === 0 ? order : order.reverse()) results[name].push(await tasks[name]());
  }
  return results;
}
