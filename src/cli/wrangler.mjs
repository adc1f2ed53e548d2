import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { NODE, ROOT, environment } from './project.mjs';

/** wrangler's program, for NODE. */
export const WRANGLER = join(ROOT, 'node_modules', 'wrangler', 'bin', 'wrangler.js');

/** How long wrangler may take to end its own children before it is killed. */
const GRACE_MS = 5_000;

/**
 * Starts `wrangler dev` on loopback, without telemetry and without reading the keyboard.
 * @param {number} port
 * @param {string} state where it keeps the local R2, KV and orders
 */
export function wranglerDev(port, state) {
  const where = ['--ip', '127.0.0.1', '--port', String(port), '--persist-to', state];
  const child = spawn(NODE, [WRANGLER, 'dev', ...where, '--show-interactive-dev-session=false'], {
    cwd: ROOT,
    env: environment({ WRANGLER_SEND_METRICS: 'false', WRANGLER_HIDE_BANNER: 'true' }),
    stdio: ['ignore', 'inherit', 'inherit'],
    // A process group of its own, so that all of it can be ended, wherever the signal came from.
    detached: true,
  });
  const ended = once(child, 'close').then(([code, signal]) => signal ?? `exit code ${code}`);
  return {
    /** Resolves to how it ended. */
    ended,
    /** Ends wrangler with all that it started. */
    async stop() {
      signalGroup(child, 'SIGTERM');
      const late = setTimeout(() => signalGroup(child, 'SIGKILL'), GRACE_MS);
      await ended;
      clearTimeout(late);
      // wrangler may be gone before its runtime is.
      signalGroup(child, 'SIGKILL');
    },
  };
}

/**
 * @param {import('node:child_process').ChildProcess} child
 * @param {NodeJS.Signals} signal
 */
function signalGroup(child, signal) {
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}
