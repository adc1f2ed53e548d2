import { randomBytes } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './project.mjs';
import { Advice, program, say } from './terminal.mjs';

const EXAMPLE = join(ROOT, '.dev.vars.example');
const DEV_VARS = join(ROOT, '.dev.vars');

/** What `<generated …>` in the example stands for. */
const GENERATORS = {
  whsec: () => `whsec_${randomBytes(32).toString('base64url')}`,
  'link-key': () => `dev-${randomBytes(3).toString('hex')}:${randomBytes(32).toString('base64url')}`,
  token: () => randomBytes(32).toString('base64url'),
};

/**
 * Makes .dev.vars, or adds the keys that it lacks. What is there is never changed: the links in the outbox
 * are signed with it. It runs with `npm install` too, because wrangler reads the file before it builds.
 */
export function ensureDevVars() {
  const example = parts(readFileSync(EXAMPLE, 'utf8'));
  if (!existsSync(DEV_VARS)) {
    try {
      // 'wx': of two runs at once, one writes the file. Mode: it holds secrets.
      writeFileSync(DEV_VARS, example.map(rendered).join('\n\n') + '\n', { flag: 'wx', mode: 0o600 });
      say('made .dev.vars with fresh secrets');
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
  }
  const present = readDevVars();
  const missing = example.filter(({ key }) => key && !(key in present));
  if (missing.length === 0) return;
  appendFileSync(DEV_VARS, missing.map((part) => `\n${rendered(part)}\n`).join(''));
  say(`added to .dev.vars: ${missing.map(({ key }) => key).join(', ')}`);
}

/**
 * The values in .dev.vars.
 * @returns {Record<string, string>}
 */
export function readDevVars() {
  const lines = readFileSync(DEV_VARS, 'utf8').matchAll(/^\s*(?:export\s+)?(\w+)\s*=\s*(.*?)\s*$/gm);
  return Object.fromEntries([...lines].map(([, key, value]) => [key, value.replace(/^(["'])(.*)\1$/, '$2')]));
}

/**
 * The example's paragraphs: a key with the comment above it, or a comment alone.
 * @param {string} text
 */
function parts(text) {
  return text
    .trim()
    .split(/\n\n+/)
    .map((paragraph) => ({ paragraph, key: paragraph.match(/^(\w+)=/m)?.[1] }));
}

/** @param {{ paragraph: string, key?: string }} part */
function rendered({ paragraph, key }) {
  if (!key) return paragraph;
  return paragraph.replace(/^(\w+=)<generated ([\w-]+)>$/m, (_, start, kind) => {
    if (!GENERATORS[kind]) {
      throw new Advice(`.dev.vars.example: unknown <generated ${kind}>. Known: ${Object.keys(GENERATORS).join(', ')}.`);
    }
    return start + GENERATORS[kind]();
  });
}

await program(import.meta.url, ensureDevVars);
