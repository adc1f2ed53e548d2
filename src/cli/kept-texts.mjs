import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** The names of the texts, as the Worker knows them. */
const NAMES = ['LICENSE.txt', 'README.txt'];

/**
 * The key of a product's own text in the bucket.
 * @param {string} product
 * @param {string} name
 */
export const textKey = (product, name) => `templates/${product}/${name}`;

/**
 * The texts that a product has in the bucket and keeps, as files, to be checked along with the new release.
 * @param {{ text(key: string): Promise<Buffer | null> }} bucket
 * @param {string} product
 * @param {Record<string, string | undefined>} replaced new texts by name
 */
export async function keptTexts(bucket, product, replaced) {
  const folder = await mkdtemp(join(tmpdir(), 'bookplate-'));
  const files = {};
  for (const name of NAMES.filter((name) => !replaced[name])) {
    const key = textKey(product, name);
    const text = await bucket.text(key);
    if (text === null) continue;
    files[name] = join(folder, key);
    await mkdir(dirname(files[name]), { recursive: true });
    await writeFile(files[name], text);
  }
  return {
    files,
    /** What was said of these files, by their keys. */
    shown: (said) => said.replaceAll(join(folder, '/'), 'in the bucket, '),
    remove: () => rm(folder, { recursive: true }),
  };
}
