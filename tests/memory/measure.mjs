import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { ZipFile } from 'yazl';
import { Advice, program, say } from '../../src/cli/terminal.mjs';
import { PRODUCT, drain, openShop } from '../e2e/shop.mjs';
import { watchedMemory } from './processes.mjs';

const MIB = 1024 * 1024;
const DEFAULT_MIB = 2048;

/** One file in the archive. All are alike: that does not matter where nothing is compressed. */
const PLATE_MIB = 8;

/** The largest archive without zip64 is a little below 4 GiB; the library that makes it needs no more here. */
const MOST_MIB = 4000;

/** A second Worker with the same bucket. */
const RAW = {
  name: 'raw',
  main: 'tests/memory/raw-worker.mjs',
  compatibility_date: '2026-11-17',
  r2_buckets: [{ binding: 'ARCHIVES', bucket_name: 'bookplate-archives' }],
};

/**
 * `npm run measure -- 2048`: downloads an archive of so many MiB, and shows the peak of the runtime's resident
 * memory beside that of a Worker which only passes R2's bytes on. Before each the runtime is started afresh.
 * The local runtime does not enforce Cloudflare's 128 MB; so it is measured. Linux alone.
 */
async function measure() {
  const sizeMib = Number(process.argv[2] ?? DEFAULT_MIB);
  if (!Number.isInteger(sizeMib) || sizeMib < PLATE_MIB || sizeMib > MOST_MIB) {
    throw new Advice(`the size is in MiB, from ${PLATE_MIB} to ${MOST_MIB}: npm run measure -- ${DEFAULT_MIB}`);
  }
  if (process.platform !== 'linux') throw new Advice('this reads /proc, which only Linux has.');
  const shop = await openShop({ neighbours: [RAW] });
  const path = `/${PRODUCT.archive}`;
  try {
    const sent = await upload(shop, path, sizeMib);
    const { link } = await shop.buy();

    await shop.restart({ neighbours: [RAW] });
    report('raw pass-through', await watched(sent, () => shop.neighbour(RAW.name).fetch(path)));

    await shop.restart({ neighbours: [RAW] });
    const browser = shop.browser();
    const here = new URL(new URL(link).search, `${shop.origin}/download`).href;
    const location = (await browser.press(here)).headers.get('location');
    report('with a licence', await watched(sent, () => browser.fetch(location)));
    const { wasm_bytes: wasm } = await (await browser.fetch('/dev/memory')).json();
    say(`the WASM memory was ${(wasm / MIB).toFixed(1)} MiB at its peak`);
  } finally {
    await shop.close();
  }
}

/**
 * Makes an archive of stored random data and uploads it in one piece: the local R2 reads an object that was
 * uploaded in parts into memory as a whole, whoever asks for it.
 * @param {Awaited<ReturnType<typeof openShop>>} shop
 * @param {string} path
 * @param {number} sizeMib
 */
async function upload(shop, path, sizeMib) {
  const zip = new ZipFile();
  const plate = randomBytes(PLATE_MIB * MIB);
  const plates = Math.ceil(sizeMib / PLATE_MIB);
  for (let at = 0; at < plates; at++) {
    const options = { compress: false, size: plate.length };
    // Opened when its turn comes, so that the archive is never in memory as a whole.
    zip.addReadStreamLazy(`plates/${at}.bin`, options, (opened) => opened(null, Readable.from([plate])));
  }
  const length = await new Promise((resolve) => zip.end({}, resolve));
  const digest = new DigestOfStart(plates * PLATE_MIB * MIB);
  const answer = await shop.neighbour(RAW.name).fetch(path, {
    method: 'PUT',
    headers: { 'x-length': String(length) },
    body: Readable.toWeb(Readable.from(digest.through(zip.outputStream))),
    duplex: 'half',
  });
  assert.equal(answer.status, 204);
  return digest;
}

/**
 * Downloads, keeping nothing, while the runtime is watched.
 * @param {DigestOfStart} sent
 * @param {() => Promise<Response>} request
 */
async function watched(sent, request) {
  const memory = watchedMemory();
  const answer = await request();
  assert.equal(answer.status, 200);
  const got = new DigestOfStart(sent.length);
  await answer.body.pipeTo(new WritableStream({ write: (chunk) => got.update(chunk) }));
  assert.equal(got.hex(), sent.hex(), 'the archive arrived as it is');
  return { before: memory.before, peak: memory.stop(), bytes: got.total };
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

  /** @param {AsyncIterable<Uint8Array>} stream */
  async *through(stream) {
    for await (const chunk of stream) {
      this.update(chunk);
      yield chunk;
    }
  }

  hex() {
    assert.ok(this.total >= this.length, `${this.total} bytes are fewer than ${this.length}`);
    return this.#hash.copy().digest('hex');
  }
}

function report(what, { before, peak, bytes }) {
  const mib = (number) => `${(number / MIB).toFixed(0)} MiB`;
  say(`${what}: ${mib(bytes)}; resident before ${mib(before)}, peak ${mib(peak)}`);
}

await program(import.meta.url, measure);
