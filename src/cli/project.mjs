import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's top folder. */
export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Where npm puts the commands of the packages; npm scripts and npx search it first. */
export const NPM_BIN = join(ROOT, 'node_modules', '.bin');

/** The Node that comes with the packages: wrangler wants a newer one than the machine may have. */
export const NODE = join(NPM_BIN, 'node');

/** Where wrangler keeps the local R2, KV and orders when it is started by hand. */
export const DEFAULT_STATE = '.wrangler/state';

/** The compiled build tools, shared by all clones of one user: they take minutes to build. */
export const CACHE = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'bookplate');

/**
 * The version of a crate that Cargo.lock pins.
 * @param {string} crate
 * @returns {string}
 */
export function lockedVersion(crate) {
  const lock = readFileSync(join(ROOT, 'Cargo.lock'), 'utf8');
  const found = lock.match(new RegExp(`^name = "${crate}"\\nversion = "([^"]+)"`, 'm'));
  if (!found) throw new Error(`Cargo.lock names no ${crate}. Restore it: git checkout Cargo.lock`);
  return found[1];
}

/**
 * The environment for child processes: the packages' commands first, and cargo's folder last,
 * since a shell that was open when rustup was installed does not have it yet.
 * @param {Record<string, string>} [more]
 */
export function environment(more = {}) {
  const cargo = join(process.env.CARGO_HOME || join(homedir(), '.cargo'), 'bin');
  // Where its progress bar can't be drawn, cargo prints hundreds of lines instead.
  const quiet = process.stderr.isTTY ? {} : { CARGO_TERM_QUIET: 'true' };
  return { ...process.env, ...quiet, PATH: [NPM_BIN, process.env.PATH, cargo].join(':'), ...more };
}
