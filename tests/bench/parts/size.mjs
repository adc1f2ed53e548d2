import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { ROOT } from '../../../src/cli/project.mjs';
import { spread } from '../stats.mjs';
import { codeByCrate, parts } from '../wasm.mjs';

const ROUNDS = { full: 20, quick: 5 };
const CRATES = 15;

/** (7) What is uploaded, what it is made of, and how long it takes to be ready. */
export async function size({ quick, start }) {
  const rounds = ROUNDS[quick ? 'quick' : 'full'];
  const uploaded = readFileSync(join(ROOT, 'build', 'index_bg.wasm'));
  const named = readFileSync(join(ROOT, 'build', 'named.wasm'));
  const [compileMs, instantiateMs, firstRequestMs, nextRequestMs] = [[], [], [], []];
  for (let round = 0; round < rounds; round++) {
    const began = performance.now();
    const module = new WebAssembly.Module(uploaded);
    const compiled = performance.now();
    new WebAssembly.Instance(module, blankImports(module));
    compileMs.push(compiled - began);
    instantiateMs.push(performance.now() - compiled);
  }
  for (let round = 0; round < rounds / 5; round++) {
    const runtime = await start({ archives: [], variants: ['raw'] });
    try {
      firstRequestMs.push((await runtime.request('ours', '/nowhere')).firstByteMs);
      nextRequestMs.push((await runtime.request('ours', '/nowhere')).firstByteMs);
    } finally {
      await runtime.close();
    }
  }
  return {
    ...parts(uploaded),
    byCrate: codeByCrate(named).slice(0, CRATES),
    compileMs: spread(compileMs),
    instantiateMs: spread(instantiateMs),
    firstRequestMs: spread(firstRequestMs),
    nextRequestMs: spread(nextRequestMs),
  };
}

/** Imports that do nothing: to be instantiated, a module calls none. */
function blankImports(module) {
  const imports = {};
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    imports[from] ??= {};
    imports[from][name] = kind === 'tag' ? WebAssembly.JSTag : () => undefined;
  }
  return imports;
}
