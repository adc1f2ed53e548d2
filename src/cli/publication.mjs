import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { keptTexts, textKey } from './kept-texts.mjs';
import { openLocalBucket } from './local-bucket.mjs';
import { preflight } from './preflight.mjs';
import { publishOptions } from './publish-options.mjs';
import { refuseUnfit, remoteBucket } from './remote-bucket.mjs';
import { productNamed, shopSettings } from './shop-settings.mjs';
import { Advice, program, say, step } from './terminal.mjs';

/** The second half of `npm run publish`, in the Node that wrangler wants. */
async function publication() {
  const options = publishOptions(process.argv.slice(2));
  const { remote, state } = options;
  const settings = shopSettings();
  const product = productNamed(settings, options.product);
  const texts = Object.entries(options.own).filter(([, file]) => file);
  for (const file of [...texts.map(([, file]) => file), options.archive]) await refuseMissing(file);
  const bucket = remote ? remoteBucket(settings.bucket) : await openLocalBucket(settings.bucket, state);
  try {
    // Before the checks: what is stored has to be what was checked.
    const md5 = await digest(options.archive);
    const facts = await checked(bucket, settings, options);
    const { size } = await stat(options.archive);
    // The archive comes last: it must never be served while its texts are missing.
    const uploads = texts.map(([name, file]) => [textKey(product.id, name), file]);
    uploads.push([product.archive, options.archive]);
    if (remote) refuseUnfit(settings.bucket, uploads, size);
    await step(`Uploading ${readableSize(size)}`, remote ? 'as long as your line takes' : '20 s per GB', async () => {
      for (const [key, file] of uploads) await bucket.put(key, file, file === options.archive ? md5 : await digest(file));
    });
    report({ product, remote, size, facts, md5, texts });
  } finally {
    await bucket.close();
  }
}

/** Checks the archive with all texts that will go into it: the new ones, and those that stay. */
async function checked(bucket, { vars }, { archive, product, own, remote }) {
  const kept = await keptTexts(bucket, product, own);
  try {
    return await preflight({ archive, product, vars, remote, texts: { ...own, ...kept.files }, shown: kept.shown });
  } finally {
    await kept.remove();
  }
}

/** What buyers get from now on. */
function report({ product, remote, size, facts, md5, texts }) {
  const lines = [
    '',
    `  ${remote ? 'Cloudflare has' : 'npm start serves'} now: ${product.name}, version ${product.version} by wrangler.toml`,
    `  Archive:  ${product.archive}, ${readableSize(size)}, ${facts}`,
    `  ETag:     "${md5}"`,
    ...texts.map(([name, file]) => `  ${name}: ${file}`),
    '',
    '  A download of the old archive that is running may end or break off; resumed, it starts again with this one,',
    '  by the same link. No copy has bytes of both.',
    '',
  ];
  console.log(lines.join('\n'));
  if (remote) say('if wrangler.toml changed too, such as the version: npx wrangler deploy');
}

/** @param {string} file */
async function refuseMissing(file) {
  const there = await stat(file).catch(() => null);
  if (!there?.isFile()) throw new Advice(`${file} is no file. Is the path right?`);
}

/** The ETag that R2 gives to what is put in one piece. */
async function digest(file) {
  const hash = createHash('md5');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

/** @param {number} bytes */
function readableSize(bytes) {
  const unit = [[1e9, 'GB'], [1e6, 'MB'], [1e3, 'kB']].find(([size]) => bytes >= size);
  return unit ? `${(bytes / unit[0]).toFixed(1)} ${unit[1]}` : `${bytes} bytes`;
}

await program(import.meta.url, publication);
