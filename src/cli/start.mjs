import { createServer } from 'node:net';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { build } from './build.mjs';
import { DEFAULT_STATE, NODE, ROOT } from './project.mjs';
import { Advice, captured, program, say, step } from './terminal.mjs';
import { wranglerDev } from './wrangler.mjs';

const DEFAULT_PORT = 8787;
const USAGE = `Try: npm start -- --port 8788 --state ${DEFAULT_STATE}`;
const READY_WITHIN_MS = 90_000;
const POLL_MS = 200;

/** `npm start`: from a fresh clone to a working link, and the service running. */
async function start() {
  const { port, state } = options();
  await refuseTakenPort(port);
  await build();
  const product = await seeded(state);

  say('Starting the service …');
  const origin = `http://127.0.0.1:${port}`;
  const service = wranglerDev(port, state);
  let stopping = false;
  signalled().then(() => {
    stopping = true;
    return service.stop();
  });
  const ended = service.ended.then((how) => {
    if (!stopping) throw new Advice(`wrangler dev ended by itself (${how}). What it said is above.`);
  });
  try {
    await Promise.race([ended, open(origin, product)]);
    await ended;
  } finally {
    await service.stop();
  }
}

function options() {
  const { port: wanted, state } = parsedArguments();
  const port = Number(wanted);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new Advice(`--port ${wanted} is no port. ${USAGE}`);
  }
  return { port, state: resolve(ROOT, state) };
}

function parsedArguments() {
  const port = { type: 'string', default: String(DEFAULT_PORT) };
  const state = { type: 'string', default: DEFAULT_STATE };
  try {
    return parseArgs({ options: { port, state } }).values;
  } catch (error) {
    throw new Advice(`${error.message}. ${USAGE}`);
  }
}

/** @param {number} port */
async function refuseTakenPort(port) {
  const server = createServer();
  const error = await new Promise((settle) => {
    server.once('error', settle);
    server.listen(port, '127.0.0.1', () => server.close(() => settle(null)));
  });
  if (error === null) return;
  const why = error.code === 'EADDRINUSE' ? 'is taken' : `can't be used (${error.code})`;
  throw new Advice(`port ${port} ${why}. End what listens there, or choose another: npm start -- --port ${port + 1}`);
}

/**
 * Puts the demo product into the local R2, in a process of its own, since wrangler may need a newer Node than this.
 * @param {string} state
 */
async function seeded(state) {
  const { code, stdout, stderr } = await captured(NODE, ['src/cli/seed.mjs', state]);
  if (code !== 0) throw new Advice(`the demo product could not be put into the local R2.\n${stdout}${stderr}`);
  // wrangler prints its own lines first.
  const { seeded, product } = JSON.parse(stdout.trim().split('\n').at(-1));
  say(seeded ? 'Put the demo product into the local R2' : 'The product is in the local R2 already');
  return product;
}

/** Resolves when somebody wants the service to end. */
function signalled() {
  return new Promise((settle) => ['SIGINT', 'SIGTERM', 'SIGHUP'].forEach((signal) => process.once(signal, settle)));
}

/**
 * Waits until the service is healthy, buys once, and says where to look.
 * @param {string} origin
 * @param {string} product
 */
async function open(origin, product) {
  await healthy(origin);
  // Only now are the packages there for certain.
  const { simulatedPurchase } = await import('./purchase.mjs');
  const mail = await step('Buying the product once, through the webhook', '1 s', () => simulatedPurchase(origin, product));
  const lines = [
    '',
    `  A mail went to ${mail.to}: ${mail.subject}`,
    `  Its link:    ${mail.links[0]}`,
    '',
    `  Storefront:  ${origin}/dev`,
    `  Outbox:      ${origin}/dev/outbox`,
    `  Health:      ${origin}/healthz`,
    '',
    '  It keeps running. Ctrl-C ends it.',
    '',
  ];
  console.log(lines.join('\n'));
}

/** @param {string} origin */
async function healthy(origin) {
  const until = Date.now() + READY_WITHIN_MS;
  let last = 'It did not answer.';
  while (Date.now() < until) {
    const answer = await fetch(`${origin}/healthz`).catch(() => null);
    if (answer?.ok) return;
    if (answer) last = `/healthz says:\n${await answer.text()}`;
    await sleep(POLL_MS);
  }
  throw new Advice(`the service is not healthy after ${READY_WITHIN_MS / 1000} s. ${last}`);
}

await program(import.meta.url, start);
