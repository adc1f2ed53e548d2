import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { present } from './programs.mjs';

const PYTHON = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as archive:
    bad = archive.testzip()
sys.exit(f"false CRC: {bad}" if bad else 0)
`;

/** The common unzip tools, each made to read all bytes. From a pipe bsdtar sees the local headers alone. */
const READERS = [
  { command: 'unzip', args: (file) => ['-t', file] },
  { command: '7z', args: (file) => ['t', file] },
  { command: 'python3', args: (file) => ['-c', PYTHON, file] },
  { command: 'bsdtar', args: (file) => ['-xOf', file] },
  { command: 'bsdtar', args: () => ['-xOf', '-'], piped: true },
];

/**
 * Every unzip tool of this machine accepts the archive.
 * @param {Buffer} archive
 */
export async function assertUnzips(archive) {
  const folder = await mkdtemp(join(tmpdir(), 'bookplate-'));
  try {
    const file = join(folder, 'copy.zip');
    await writeFile(file, archive);
    for (const { command, args, piped = false } of READERS.filter(({ command }) => present(command))) {
      assert.equal(await complaint(command, args(file), piped ? file : null), null, `${command} ${piped ? 'from a pipe' : ''}`);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** What a reader says of an archive, or null when it accepts it. */
async function complaint(command, args, piped) {
  const child = spawn(command, args, { stdio: [piped ? 'pipe' : 'ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk) => (said += chunk));
  const ended = new Promise((resolve) => {
    child.on('close', (code) => resolve(code === 0 ? null : `exit code ${code}: ${said}`));
  });
  // A reader that gives up early says why by itself.
  if (piped) await pipeline(createReadStream(piped), child.stdin).catch(() => undefined);
  return ended;
}
