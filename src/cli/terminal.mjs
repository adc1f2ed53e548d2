import { spawn } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ROOT, environment } from './project.mjs';

/** A failure that the reader can act upon: shown without a stack trace. */
export class Advice extends Error {}

/** Silence longer than this looks like a hang. */
const HEARTBEAT_MS = 30_000;

/** @param {string} line */
export function say(line) {
  console.log(`bookplate: ${line}`);
}

/**
 * Says what is being done and how long that usually takes, does it, and says how long it took.
 * @template T
 * @param {string} what
 * @param {string} usually
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function step(what, usually, work) {
  say(`${what} (usually ${usually}) …`);
  const began = Date.now();
  const seconds = () => `${Math.round((Date.now() - began) / 1000)} s`;
  const heartbeat = setInterval(() => say(`  still at it after ${seconds()}`), HEARTBEAT_MS);
  try {
    const result = await work();
    say(`  done in ${seconds()}`);
    return result;
  } finally {
    clearInterval(heartbeat);
  }
}

/**
 * Runs a command and shows its output.
 * @param {string} command
 * @param {string[]} args
 * @param {{ env?: Record<string, string>, cwd?: string, advice?: string }} [options] `advice`: what to do when it fails
 */
export async function run(command, args, { env, cwd = ROOT, advice } = {}) {
  const child = spawn(command, args, { cwd, env: environment(env), stdio: ['ignore', 'inherit', 'inherit'] });
  const outcome = await new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, signal) => resolve(code === 0 ? null : (signal ?? `exit code ${code}`)));
  });
  if (outcome !== null) {
    throw new Advice([`${basename(command)} ${args[0] ?? ''} failed: ${outcome}.`, advice].filter(Boolean).join(' '));
  }
}

/**
 * What a command prints on stdout, or null when it is absent or fails.
 * @param {string} command
 * @param {string[]} args
 * @returns {Promise<string | null>}
 */
export async function output(command, args) {
  const { code, stdout } = await captured(command, args);
  return code === 0 ? stdout.trim() : null;
}

/**
 * Runs a command, keeping what it says.
 * @param {string} command
 * @param {string[]} args
 * @returns {Promise<{ code: number | null, stdout: string, stderr: string }>} code: null if it could not run to its end
 */
export async function captured(command, args) {
  const child = spawn(command, args, { cwd: ROOT, env: environment(), stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => (said.stdout += chunk));
  child.stderr.on('data', (chunk) => (said.stderr += chunk));
  return new Promise((resolve) => {
    child.on('error', (error) => resolve({ code: null, ...said, stderr: error.message }));
    child.on('close', (code) => resolve({ code, ...said }));
  });
}

/**
 * Runs `main` if the module was started as a program, and turns a failure into a line and an exit code.
 * @param {string} moduleUrl `import.meta.url` of the caller
 * @param {() => unknown} main
 */
export async function program(moduleUrl, main) {
  if (!process.argv[1] || realpathSync(process.argv[1]) !== fileURLToPath(moduleUrl)) return;
  try {
    await main();
  } catch (error) {
    console.error(error instanceof Advice ? `bookplate: ${error.message}` : error);
    process.exitCode = 1;
  }
}
