import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { shaped } from '../bench/archives.mjs';
import { plot } from '../bench/plot.mjs';
import { report, table } from '../bench/report.mjs';
import { interleaved, median, pairedRatios, quantile, slope, spread } from '../bench/stats.mjs';
import { targets } from '../bench/targets.mjs';
import { crateOf, functions } from '../bench/wasm.mjs';
import { sections, withoutNames } from '../../src/cli/wasm.mjs';
import { entriesOf } from './measuring.mjs';

describe('the figures of the benchmarks', () => {
  it('quantiles lie between neighbours, whatever the order', () => {
    assert.equal(median([3, 1, 2]), 2);
    assert.equal(median([4, 1, 3, 2]), 2.5);
    assert.equal(quantile([10, 20, 30, 40, 50], 0.25), 20);
    assert.equal(quantile([1, 2], 0.25), 1.25);
    assert.deepEqual(spread([5]), { median: 5, q1: 5, q3: 5, n: 1 });
    assert.throws(() => median([]), /no numbers/);
  });

  it('ratios are of neighbours: a slow minute slows both of a pair', () => {
    assert.deepEqual(pairedRatios([2, 20, 200], [1, 10, 100]), { median: 2, q1: 2, q3: 2, n: 3 });
    assert.throws(() => pairedRatios([1], []), /partner/);
  });

  it('slope', () => {
    assert.equal(slope([[0, 1], [1, 3], [2, 5]]), 2);
  });

  it('nobody always follows the same one', async () => {
    const order = [];
    const task = (name) => async () => order.push(name);
    const results = await interleaved({ a: task('a'), b: task('b'), c: task('c') }, 6);
    assert.equal(order.join(''), 'abccbabcaacbcabbac');
    assert.deepEqual(Object.values(results).map(({ length }) => length), [6, 6, 6]);
    const after = (first, second) => order.filter((name, at) => at % 3 > 0 && name === second && order[at - 1] === first).length;
    for (const [first, second] of ['ab', 'bc', 'ca']) assert.equal(after(first, second), after(second, first));
  });

  it('tables keep their columns', () => {
    assert.equal(table(['a', 'b'], [[1], ['x|y', 2]]), '| a | b |\n| --- | --- |\n| 1 |  |\n| x\\|y | 2 |');
  });

  it('a target is met, missed, or was not measured', () => {
    const of = (gzipped) => targets({ size: { gzipped, instantiateMs: { median: 5 } } }).find(({ target }) => target.includes('400 KB'));
    assert.deepEqual([of(399_000).met, of(401_000).met, of(399_000).found], [true, false, '399 KB']);
    assert.ok(targets({}).every(({ met, found }) => met === null && found === 'not measured'));
    assert.match(report({}), /not measured/);
  });

  it('a plot has all lines, and escapes their names', () => {
    const svg = plot({ title: 'T', x: 'x', y: 'y', lines: [{ name: 'a<b', points: [[1, 1], [10, 5]] }, { name: 'c', points: [[1, 2], [10, 7]] }] });
    assert.equal(svg.match(/<polyline/g).length, 2);
    assert.match(svg, /a&lt;b/);
    assert.doesNotMatch(svg, /NaN|undefined/);
  });

  for (const count of [1, 3, 65_535]) {
    it(`an archive of ${count} files is what it says`, async () => {
      const archive = shaped({ count, length: 5 });
      const bytes = Buffer.concat([...archive.chunks()]);
      assert.equal(bytes.length, archive.bytes);
      assert.equal(await entriesOf(bytes), count);
    });
  }
});

describe('what the WASM is made of', () => {
  /** (module (func $a::b nop)), with a name section. */
  const module = Buffer.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...[1, 4, 1, 0x60, 0, 0],
    ...[3, 2, 1, 0],
    ...[10, 5, 1, 3, 0, 1, 0x0b],
    ...[0, 14, 4, ...Buffer.from('name'), 1, 7, 1, 0, 4, ...Buffer.from('a::b')],
  ]);

  it('functions by name', () => {
    assert.ok(WebAssembly.validate(module));
    assert.deepEqual(functions(module), [{ name: 'a::b', bytes: 3 }]);
  });

  it('names can be left out, and nothing else', () => {
    const bare = withoutNames(module);
    assert.ok(WebAssembly.validate(bare));
    assert.deepEqual(sections(bare).map(({ id }) => id), [1, 3, 10]);
    assert.equal(module.length - bare.length, 16);
  });

  it('generic code is its user’s', () => {
    assert.equal(crateOf('bookplate::domain::x'), 'bookplate');
    assert.equal(crateOf('<alloc::vec::Vec<serde_json::Value> as core::fmt::Debug>::fmt'), 'serde_json');
    assert.equal(crateOf('core::fmt::write'), 'std');
    assert.equal(crateOf('memcpy'), '(no path)');
  });
});
