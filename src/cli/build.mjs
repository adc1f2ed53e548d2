import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './project.mjs';
import { setUp } from './setup.mjs';
import { program, run, step } from './terminal.mjs';
import { withoutNames } from './wasm.mjs';

const BUILD = join(ROOT, 'build');
const STAMP = join(BUILD, '.inputs');
const WASM = join(BUILD, 'index_bg.wasm');
const NAMED_WASM = join(BUILD, 'named.wasm');

/** What the Worker is made of; src/cli is not. */
const INPUTS = ['Cargo.toml', 'Cargo.lock', 'rust-toolchain.toml', 'src', 'templates'];
const EXCEPT = join('src', 'cli');

/**
 * Builds the Worker into build/. wrangler runs this before it starts, deploys or tests anything, and after each
 * change. An unchanged Worker is not built again: cargo would see that by itself, but not what comes after it.
 */
export async function build() {
  const tools = await setUp();
  const inputs = fingerprint(Object.values(tools));
  if (existsSync(join(BUILD, 'index.js')) && existsSync(STAMP) && readFileSync(STAMP, 'utf8') === inputs) return;
  rmSync(STAMP, { force: true });
  await step('Building the Worker', '1–2 min at first, 10–40 s after a change', () =>
    run(tools.WORKER_BUILD_BIN, ['--release'], {
      env: tools,
      advice: "The compiler's messages are above.",
    }),
  );
  leaveNamesBehind();
  writeFileSync(STAMP, inputs);
}

/**
 * What is uploaded goes without the functions' names. The module that has them stays beside it: for whoever reads a
 * stack trace, which counts functions alike in both.
 */
function leaveNamesBehind() {
  copyFileSync(WASM, NAMED_WASM);
  writeFileSync(WASM, withoutNames(readFileSync(WASM)));
}

/** @param {string[]} tools */
function fingerprint(tools) {
  const hash = createHash('sha256').update(tools.join('\n'));
  for (const path of INPUTS.flatMap(files)) {
    hash.update(`\n${path}\n`).update(readFileSync(join(ROOT, path)));
  }
  return hash.digest('hex');
}

/**
 * @param {string} path
 * @returns {string[]}
 */
function files(path) {
  if (path === EXCEPT || !existsSync(join(ROOT, path))) return [];
  const entries = tryReadFolder(join(ROOT, path));
  if (!entries) return [path];
  return entries.sort().flatMap((name) => files(join(path, name)));
}

/** @param {string} path */
function tryReadFolder(path) {
  try {
    return readdirSync(path);
  } catch (error) {
    if (error.code === 'ENOTDIR') return null;
    throw error;
  }
}

await program(import.meta.url, build);
