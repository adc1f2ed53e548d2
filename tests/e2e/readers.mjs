import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createReadStream } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

const PYTHON = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as archive:
    bad = archive.testzip()
sys.exit(f"false CRC: {bad}" if bad else 0)
`;

/** The common unzip tools, each made to read all bytes. From a pipe bsdtar sees the local headers alone. */
const READERS = [
  { name: 'unzip', command: 'unzip', args: (file) => ['-t', file] },
  { name: '7z', command: '7z', args: (file) => ['t', file] },
  { name: 'Python', command: 'python3', args: (file) => ['-c', PYTHON, file] },
  { name: 'bsdtar', command: 'bsdtar', args: (file) => ['-xOf', file] },
  { name: 'bsdtar from a pipe', command: 'bsdtar', args: () => ['-xOf', '-'], piped: true },
];

/**
 * What the unzip tools say of an archive: null from those that accept it, and `absent` for those that this
 * machine lacks, whose absence is said loudly.
 * @param {Buffer} archive
 * @returns {Promise<Record<string, string | null>>}
 */
export async function verdicts(archive) {
  const folder = await mkdtemp(join(tmpdir(), 'bookplate-'));
  try {
    const file = join(folder, 'copy.zip');
    await writeFile(file, archive);
    const found = {};
    for (const reader of READERS) found[reader.name] = await verdict(reader, file);
    return found;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/**
 * What the verdicts are when all is well. On a developer's machine a tool may be absent; in CI none is.
 * @param {Record<string, string | null>} found
 */
export function accepted(found) {
  const mayLack = (name) => found[name] === 'absent' && !process.env.CI;
  return Object.fromEntries(READERS.map(({ name }) => [name, mayLack(name) ? 'absent' : null]));
}

async function verdict({ name, command, args, piped = false }, file) {
  const child = spawn(command, args(file), { stdio: [piped ? 'pipe' : 'ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk) => (said += chunk));
  const ended = new Promise((resolve) => {
    child.on('error', ({ code }) => resolve(code === 'ENOENT' ? 'absent' : code));
    child.on('close', (code) => resolve(code === 0 ? null : `exit code ${code}: ${said}`));
  });
  // A reader that gives up early says why by itself.
  if (piped) await pipeline(createReadStream(file), child.stdin).catch(() => undefined);
  const outcome = await ended;
  if (outcome === 'absent') console.error(`NOT CHECKED: ${name} is not on this machine; .ci/run installs it`);
  return outcome;
}
