import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { ROOT } from '../../src/cli/project.mjs';

test('the Worker stays below 1 MiB, as it is uploaded', (t) => {
  const wasm = readFileSync(join(ROOT, 'build', 'index_bg.wasm'));
  const { length } = gzipSync(wasm, { level: 9 });
  t.diagnostic(`${length} bytes gzipped, ${wasm.length} raw`);
  assert.ok(length < 2 ** 20, `${length} bytes`);
});
