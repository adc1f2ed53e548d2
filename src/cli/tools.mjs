import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE, NPM_BIN, lockedVersion } from './project.mjs';
import { checkOpenssl } from './prerequisites.mjs';
import { output, run, step } from './terminal.mjs';

const WASM_TARGET = 'wasm32-unknown-unknown';

/** The pinned Rust brings the target along; a toolchain chosen by other means may lack it. */
export async function ensureWasmTarget() {
  const installed = await output('rustup', ['target', 'list', '--installed']);
  if (installed?.split('\n').includes(WASM_TARGET)) return;
  await step(`Adding Rust's target ${WASM_TARGET}`, '1 min', () =>
    run('rustup', ['target', 'add', WASM_TARGET], { advice: 'Is static.rust-lang.org reachable? Then run it again.' }),
  );
}

/**
 * The build tools, as the variables by which worker-build is told where they are. Without them it downloads
 * its own from GitHub's release pages, which is one more host that a build depends on.
 */
export async function ensureTools() {
  return {
    // Both are released together with a library that Cargo.lock pins, and refuse to work with another version.
    // The one that needs more than Rust comes first: what it lacks is said at once, not after minutes.
    WORKER_BUILD_BIN: await ensureCrate('worker-build', 'worker-build', lockedVersion('worker'), '3–5 min', checkOpenssl),
    WASM_BINDGEN_BIN: await ensureCrate('wasm-bindgen-cli', 'wasm-bindgen', lockedVersion('wasm-bindgen'), '2–4 min'),
    WASM_OPT_BIN: join(NPM_BIN, 'wasm-opt'),
    ESBUILD_BIN: join(NPM_BIN, 'esbuild'),
  };
}

/**
 * The path of a program from crates.io; compiled if it is neither in the cache nor on the PATH.
 * @param {string} crate
 * @param {string} program
 * @param {string} version
 * @param {string} usually
 * @param {() => Promise<void>} [check] what compiling needs
 */
export async function ensureCrate(crate, program, version, usually, check) {
  const root = join(CACHE, `${crate}-${version}`);
  const cached = join(root, 'bin', program);
  if (existsSync(cached)) return cached;
  if ((await output(program, ['--version']))?.split(' ').at(-1) === version) return program;
  await check?.();
  // Cargo moves the finished program into its place at once, so two runs at a time do each other no harm.
  const args = ['install', '--locked', '--root', root, '--version', `=${version}`, crate];
  await step(`Compiling ${crate} ${version}, once for this user`, usually, () =>
    run('cargo', args, { advice: 'Is crates.io reachable? Then run it again.' }),
  );
  return cached;
}
