import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build as bundle } from 'esbuild';
import { unstable_getMiniflareWorkerOptions as optionsOf } from 'wrangler';
import { ROOT } from '../../src/cli/project.mjs';
import { setUp } from '../../src/cli/setup.mjs';
import { run, step } from '../../src/cli/terminal.mjs';

const HERE = join(ROOT, 'tests', 'bench');
const COMPATIBILITY_DATE = '2026-11-17';
const BUCKET = 'bookplate-archives';

/** Made for one run: a developer's secrets must not matter. */
export const SECRETS = {
  ENVIRONMENT: 'development',
  STRIPE_WEBHOOK_SECRET: `whsec_${randomBytes(32).toString('base64url')}`,
  STRIPE_API_KEY: 'sk_test_not_used_by_the_benchmarks',
  LINK_KEYS: `bench:${randomBytes(32).toString('base64url')}`,
  ADMIN_TOKEN: randomBytes(32).toString('base64url'),
};

/** The variants, by their letters in the issue that asked for them; the pipe is a control. */
export const VARIANTS = {
  raw: 'a: R2 alone',
  piped: 'R2 through one pipe',
  jszip: 'b: jszip',
  zipjs: 'c: zip.js',
  'client-zip': 'd: client-zip',
  'rust-zip': 'e: zip in Rust',
};

/** Objects that a variant has, or asks: its own, or another Worker's. */
const OBJECTS = {
  raw: { COUNTERS: { className: 'Counter', useSQLite: true } },
  control: { COUNTERS: { className: 'Counter', useSQLite: true } },
  referee: {
    COUNTERS: { className: 'Counter', scriptName: 'raw', useSQLite: true },
    ORDERS: { className: 'Order', scriptName: 'ours', useSQLite: true },
  },
};

/**
 * The product as it is built, with a product of its own per archive.
 * @param {string[]} archives keys in R2
 */
export function ours(archives) {
  const { workerOptions } = optionsOf(join(ROOT, 'wrangler.toml'));
  const products = archives.map((archive) => ({
    id: productOf(archive),
    name: 'A Field Guide to Bookplates',
    version: '2.1.0',
    archive,
    filename: 'field-guide.zip',
  }));
  return {
    ...workerOptions,
    name: 'ours',
    ...esModule(join(ROOT, 'build'), 'index.js', 'index_bg.wasm'),
    bindings: { ...workerOptions.bindings, ...SECRETS, MAIL_PROVIDER: 'outbox', PUBLIC_URL: '', PRODUCTS: products },
  };
}

/**
 * The product, with every operation on a binding counted.
 * @param {string[]} archives
 */
export function counting(archives) {
  const worker = ours(archives);
  const path = join(ROOT, 'build', 'counting.mjs');
  const contents = readFileSync(join(HERE, 'variants', 'counting.mjs'), 'utf8');
  return { ...worker, modules: [{ type: 'ESModule', path, contents }, ...worker.modules] };
}

/** @param {string} archive */
export const productOf = (archive) => archive.replace(/\.zip$/, '');

/** A variant in JavaScript, in one file. */
export async function variant(name) {
  const { outputFiles } = await bundle({
    entryPoints: [join(HERE, 'variants', `${name}.mjs`)],
    bundle: true,
    format: 'esm',
    write: false,
    target: 'es2024',
    external: ['cloudflare:workers'],
    conditions: ['workerd', 'worker', 'browser'],
  });
  return { ...neighbour(name), modules: [{ type: 'ESModule', path: `${name}.mjs`, contents: outputFiles[0].text }] };
}

/** (e) in Rust; built when it is missing. */
export async function rustZip() {
  const folder = join(HERE, 'rust-zip');
  if (!existsSync(join(folder, 'build', 'index.js'))) {
    const tools = await setUp();
    await step('Building variant (e), the zip crate', '1–3 min', () =>
      run(tools.WORKER_BUILD_BIN, ['--release'], { env: tools, cwd: folder, advice: "The compiler's messages are above." }),
    );
  }
  return { ...neighbour('rust-zip'), ...esModule(join(folder, 'build'), 'index.js', 'index_bg.wasm') };
}

function neighbour(name) {
  const durableObjects = OBJECTS[name] ?? {};
  const worker = { name, compatibilityDate: COMPATIBILITY_DATE, r2Buckets: { ARCHIVES: { id: BUCKET } }, durableObjects };
  if (name !== 'control') return worker;
  // As the product has them.
  const { kvNamespaces, ratelimits } = ours([]);
  return { ...worker, kvNamespaces, ratelimits };
}

function esModule(folder, main, wasm) {
  return {
    modulesRoot: folder,
    modules: [
      { type: 'ESModule', path: join(folder, main), contents: readFileSync(join(folder, main), 'utf8') },
      { type: 'CompiledWasm', path: join(folder, wasm), contents: readFileSync(join(folder, wasm)) },
    ],
  };
}
