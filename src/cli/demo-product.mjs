import { readFileSync, readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { ZipFile } from 'yazl';
import { ROOT } from './project.mjs';

/** The product's id in wrangler.toml. */
export const DEMO_PRODUCT = 'html5-boilerplate';

const PACKAGE = join(ROOT, 'node_modules', 'html5-boilerplate');

/** One time for all entries, in local parts as DOS has it: the same archive on every machine. */
const MADE = new Date(2024, 0, 1, 12);

/**
 * The demo product: html5-boilerplate's distribution as its authors publish it, in one top folder.
 * Its own LICENSE.txt is in dist/, out of the way of the buyer's.
 * @returns {Promise<Buffer>}
 */
export async function demoArchive() {
  const { name, version } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8'));
  const zip = new ZipFile();
  for (const [path, contents] of demoFiles()) {
    zip.addBuffer(contents, `${name}-${version}/${path}`, { mtime: MADE, forceDosTimestamp: true });
  }
  zip.end();
  return buffer(zip.outputStream);
}

/**
 * The files of the demo product by their paths within the top folder.
 * @returns {[string, Buffer][]}
 */
function demoFiles() {
  return readdirSync(join(PACKAGE, 'dist'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => [relative(PACKAGE, path).split(sep).join('/'), readFileSync(path)]);
}
