import { parseArgs } from 'node:util';
import { checkPrerequisites } from './prerequisites.mjs';
import { Advice, captured, output, program, run, say, step } from './terminal.mjs';
import { ensureCrate } from './tools.mjs';

const FUZZER_VERSION = '0.13.2';
const FOLDER = ['--fuzz-dir', 'tests/fuzz'];
const DEFAULT_SECONDS = 60;
const USAGE = `Try: npm run fuzz -- --seconds ${DEFAULT_SECONDS}`;

/** `npm run fuzz`: feeds every target in tests/fuzz with bytes that its coverage suggests, each for some seconds. */
async function fuzz() {
  const seconds = secondsEach();
  await checkPrerequisites();
  await refuseWithoutNightly();
  const fuzzer = await ensureCrate('cargo-fuzz', 'cargo-fuzz', FUZZER_VERSION, '1–2 min');
  const names = await targets(fuzzer);
  // All are run, so that one crash does not hide another.
  const crashed = [];
  for (const name of names) {
    const ran = step(`Fuzzing ${name}`, `${seconds} s, and 1–3 min more for the build at first`, () =>
      // The nightly is named here: the repository pins a stable Rust for all else.
      run('rustup', ['run', 'nightly', fuzzer, 'fuzz', 'run', ...FOLDER, name, '--', `-max_total_time=${seconds}`]),
    );
    await ran.catch((error) => {
      if (!(error instanceof Advice)) throw error;
      crashed.push(name);
    });
  }
  if (crashed.length > 0) {
    throw new Advice(`failed: ${crashed.join(', ')}. The input and the line that runs it again are above.`);
  }
  say(`nothing found: ${names.join(', ')}`);
}

function secondsEach() {
  const wanted = parsedArguments().seconds;
  const seconds = Number(wanted);
  // To the fuzzer 0 means for ever.
  if (!Number.isInteger(seconds) || seconds < 1) throw new Advice(`--seconds ${wanted} is no whole number above 0. ${USAGE}`);
  return seconds;
}

function parsedArguments() {
  try {
    return parseArgs({ options: { seconds: { type: 'string', default: String(DEFAULT_SECONDS) } } }).values;
  } catch (error) {
    throw new Advice(`${error.message}. ${USAGE}`);
  }
}

async function refuseWithoutNightly() {
  if ((await output('rustup', ['run', 'nightly', 'rustc', '--version'])) !== null) return;
  throw new Advice('the fuzzer needs a nightly Rust beside the pinned one: rustup toolchain install nightly --profile minimal');
}

/** @param {string} fuzzer */
async function targets(fuzzer) {
  const { code, stdout, stderr } = await captured(fuzzer, ['fuzz', 'list', ...FOLDER]);
  if (code !== 0) throw new Advice(`the targets in tests/fuzz can't be listed.\n${stderr}`);
  return stdout.split('\n').filter(Boolean);
}

await program(import.meta.url, fuzz);
