import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createTestHarness } from 'wrangler';
import { ZipFile } from 'yazl';
import { ROOT } from '../../src/cli/project.mjs';
import { Advice, program, say } from '../../src/cli/terminal.mjs';
import { PRODUCT, drain, openShop } from '../e2e/shop.mjs';
import { watchedMemory } from './processes.mjs';

const MIB = 1024 * 1024;
const DEFAULT_MIB = 2048;

/** The largest archive without zip64 is a little below 4 GiB; the library that makes it needs no more here. */
const MOST_MIB = 4000;

/** R2 wants parts of one size, of 5 MiB at least. */
const PART_BYTES = 32 * MIB;

/** One file in the archive. All are alike: that does not matter where nothing is compressed. */
const PLATE_MIB = 8;

/**
 * `npm run measure -- 2048`: downloads an archive of so many MiB, and shows the peak of the runtime's resident
 * memory beside that of a Worker which only passes R2's bytes on. Each has a runtime of its own, started afresh.
 * The local runtime does not enforce Cloudflare's 128 MB; so it is measured. Linux alone.
 */
async function measure() {
  const sizeMib = Number(process.argv[2] ?? DEFAULT_MIB);
  if (!Number.isInteger(sizeMib) || sizeMib < PLATE_MIB || sizeMib > MOST_MIB) {
    throw new Advice(`the size is in MiB, from ${PLATE_MIB} to ${MOST_MIB}: npm run measure -- ${DEFAULT_MIB}`);
  }
  if (process.platform !== 'linux') throw new Advice('this reads /proc, which only Linux has.');
  report('raw pass-through', await rawPassThrough(sizeMib));
  report('with a licence', await personalised(sizeMib));
}

async function rawPassThrough(sizeMib) {
  const config = {
    name: 'raw',
    main: 'tests/memory/raw-worker.mjs',
    compatibility_date: '2026-11-17',
    r2_buckets: [{ binding: 'ARCHIVES', bucket_name: 'raw' }],
  };
  const harness = createTestHarness({ root: ROOT, workers: [{ config }] });
  try {
    await harness.listen();
    const sent = await upload((await harness.getWorker().getEnv()).ARCHIVES, sizeMib);
    // What the upload left in memory goes with the runtime that did it.
    await harness.update((options) => options);
    const { url } = await harness.listen();
    return await watched(sent, () => fetch(new URL(PRODUCT.archive, url)));
  } finally {
    await harness.close();
  }
}

async function personalised(sizeMib) {
  const shop = await openShop();
  try {
    const sent = await upload(await shop.archives(), sizeMib);
    await shop.restart();
    const { link } = await shop.buy();
    const browser = shop.browser();
    await drain(await browser.fetch(link));
    const location = (await browser.press(link)).headers.get('location');
    return await watched(sent, () => browser.fetch(location));
  } finally {
    await shop.close();
  }
}

/**
 * Makes an archive of stored random data and uploads it in parts, holding one part at a time.
 * @param {import('@cloudflare/workers-types').R2Bucket} archives
 * @param {number} sizeMib
 */
async function upload(archives, sizeMib) {
  const zip = new ZipFile();
  const plates = Math.ceil(sizeMib / PLATE_MIB);
  const plate = randomBytes(PLATE_MIB * MIB);
  for (let at = 0; at < plates; at++) zip.addBuffer(plate, `plates/${at}.bin`, { compress: false });
  zip.end();
  const target = await archives.createMultipartUpload(PRODUCT.archive);
  const parts = [];
  const digest = new DigestOfStart(plates * PLATE_MIB * MIB);
  for await (const part of inParts(zip.outputStream)) {
    digest.update(part);
    parts.push(await target.uploadPart(parts.length + 1, part));
  }
  await target.complete(parts);
  return digest;
}

/** @param {AsyncIterable<Buffer>} stream */
async function* inParts(stream) {
  let part = Buffer.alloc(PART_BYTES);
  let filled = 0;
  for await (const chunk of stream) {
    for (let at = 0; at < chunk.length; ) {
      const copied = chunk.copy(part, filled, at);
      filled += copied;
      at += copied;
      if (filled === PART_BYTES) {
        yield part;
        part = Buffer.alloc(PART_BYTES);
        filled = 0;
      }
    }
  }
  if (filled > 0) yield part.subarray(0, filled);
}

/**
 * Downloads, keeping nothing, while the runtime is watched.
 * @param {DigestOfStart} sent
 * @param {() => Promise<Response>} request
 */
async function watched(sent, request) {
  const memory = watchedMemory();
  const began = performance.now();
  const answer = await request();
  assert.equal(answer.status, 200);
  const got = new DigestOfStart(sent.length);
  for await (const chunk of answer.body) got.update(chunk);
  const seconds = (performance.now() - began) / 1000;
  assert.equal(got.hex(), sent.hex(), 'the archive arrived as it is');
  return { before: memory.before, peak: memory.stop(), bytes: got.total, seconds };
}

/** SHA-256 of a stream's first bytes: after them the copy is its buyer's own. */
class DigestOfStart {
  #hash = createHash('sha256');
  total = 0;

  /** @param {number} length in bytes */
  constructor(length) {
    this.length = length;
  }

  /** @param {Uint8Array} chunk */
  update(chunk) {
    const left = Math.max(0, this.length - this.total);
    this.#hash.update(chunk.subarray(0, left));
    this.total += chunk.length;
  }

  hex() {
    assert.ok(this.total >= this.length, `${this.total} bytes are fewer than ${this.length}`);
    return this.#hash.copy().digest('hex');
  }
}

function report(what, { before, peak, bytes, seconds }) {
  const mib = (number) => `${(number / MIB).toFixed(0)} MiB`;
  say(`${what}: ${mib(bytes)} in ${seconds.toFixed(1)} s; resident before ${mib(before)}, peak ${mib(peak)}`);
}

await program(import.meta.url, measure);
