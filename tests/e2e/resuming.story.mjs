import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { present } from './programs.mjs';
import { PRODUCT, drain, openShop } from './shop.mjs';
import { zipOf } from './zip.mjs';

const MIB = 1024 * 1024;
const PARTS = 4;
const PART_BYTES = 16 * MIB;

/** Slow enough that a client is killed in the middle: the network alone swallows 8 MB at once. */
const SLOW_MIB_PER_S = 40;

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

describe('a download breaks off, and goes on', () => {
  let shop, folder;
  before(async () => {
    shop = await openShop();
    // Random, so that it does not compress, and no part of it is like another.
    const parts = Array.from({ length: PARTS }, (_, at) => [`plates/${at}.bin`, randomBytes(PART_BYTES)]);
    await shop.publish(await zipOf(Object.fromEntries(parts)));
  });
  after(() => shop.close());
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bookplate-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** A lease that nothing was asked of yet: what a client needs to know. */
  async function leased() {
    const { link } = await shop.buy();
    const browser = shop.browser();
    const location = new URL((await browser.press(link)).headers.get('location'), shop.origin).href;
    const head = await browser.fetch(location, { method: 'HEAD' });
    return { browser, location, cookie: browser.cookie(), total: Number(head.headers.get('content-length')) };
  }

  /** What an uninterrupted download of the same copy gives. */
  const whole = async ({ browser, location }) => sha256(await drain(await browser.fetch(location)));

  /**
   * Runs a client until a third of the file is there, kills it, and lets it go on.
   * @param {string} command
   * @param {string[]} slow the arguments with which it is slow enough to be killed
   * @param {string[]} on the arguments with which it goes on
   */
  async function killedAtAThird(command, slow, on, { total }) {
    const file = join(folder, 'copy.zip');
    const child = spawn(command, slow, { cwd: folder, stdio: 'ignore' });
    const ended = once(child, 'close');
    while ((await bytesIn(file)) < total / 3) {
      assert.equal(child.exitCode, null, `${command} ended before it could be killed`);
      await sleep(5);
    }
    child.kill('SIGTERM');
    await ended;
    const left = await bytesIn(file);
    await runs(command, on);
    return left;
  }

  async function runs(command, args) {
    const child = spawn(command, args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk) => (said += chunk));
    const [code] = await once(child, 'close');
    assert.equal(code, 0, `${command}: ${said}`);
  }

  const downloaded = async () => sha256(await readFile(join(folder, 'copy.zip')));

  it('curl -C -', async (t) => {
    if (!present('curl')) return t.skip('no curl');
    const lease = await leased();
    const args = ['-sSf', '-b', lease.cookie, '-o', 'copy.zip', lease.location];
    const left = await killedAtAThird('curl', ['--limit-rate', `${SLOW_MIB_PER_S}M`, ...args], ['-C', '-', ...args], lease);
    assert.ok(left < lease.total, 'it was killed in the middle');
    assert.equal(await downloaded(), await whole(lease));
  });

  it('wget -c', async (t) => {
    if (!present('wget')) return t.skip('no wget');
    const lease = await leased();
    const args = ['-q', '--header', `Cookie: ${lease.cookie}`, '-O', 'copy.zip', lease.location];
    const left = await killedAtAThird('wget', [`--limit-rate=${SLOW_MIB_PER_S}m`, ...args], ['-c', ...args], lease);
    assert.ok(left < lease.total, 'it was killed in the middle');
    assert.equal(await downloaded(), await whole(lease));
  });

  it('aria2c -x4, in four parts at once', async (t) => {
    if (!present('aria2c')) return t.skip('no aria2c');
    const lease = await leased();
    const args = ['-q', '-x4', '-s4', '-k1M', '--file-allocation=none', `--header=Cookie: ${lease.cookie}`, '-o', 'copy.zip', lease.location];
    await runs('aria2c', args);
    assert.equal(await downloaded(), await whole(lease));
  });

  it('aria2c -x4 -c', async (t) => {
    if (!present('aria2c')) return t.skip('no aria2c');
    const lease = await leased();
    const args = ['-q', '-c', '-x4', '-s4', '-k1M', '--file-allocation=none', `--header=Cookie: ${lease.cookie}`, '-o', 'copy.zip', lease.location];
    await killedAtAThird('aria2c', [`--max-overall-download-limit=${SLOW_MIB_PER_S}M`, ...args], args, lease);
    assert.equal(await downloaded(), await whole(lease));
  });

  it('a client that left goes on where it stopped, as often as it takes', async () => {
    const lease = await leased();
    const pieces = [];
    let have = 0;
    for (const until of [lease.total / 3, (2 * lease.total) / 3, lease.total]) {
      const abort = new AbortController();
      const headers = { range: `bytes=${have}-` };
      const answer = await lease.browser.fetch(lease.location, { headers, signal: abort.signal });
      assert.equal(answer.status, 206);
      assert.equal(answer.headers.get('content-range'), `bytes ${have}-${lease.total - 1}/${lease.total}`);
      for await (const chunk of answer.body) {
        pieces.push(chunk);
        have += chunk.length;
        if (have >= until && have < lease.total) break;
      }
      abort.abort();
    }
    assert.equal(have, lease.total);
    assert.equal(sha256(Buffer.concat(pieces)), await whole(lease));
  });

  it('another browser can take over what broke off', async () => {
    const { link } = await shop.buy();
    const first = shop.browser();
    const location = (await first.press(link)).headers.get('location');
    const abort = new AbortController();
    const answer = await first.fetch(location, { signal: abort.signal });
    await answer.body.getReader().read();
    abort.abort();
    // The runtime notices by itself that nobody reads any more.
    const second = shop.browser();
    const until = Date.now() + 10_000;
    let redeemed = await second.press(link);
    while (redeemed.status === 409 && Date.now() < until) {
      await sleep(100);
      redeemed = await second.press(link);
    }
    assert.equal(redeemed.status, 303);
    const copy = await second.fetch(redeemed.headers.get('location'));
    assert.equal(copy.status, 200);
    await drain(copy);
    assert.ok([403, 410].includes((await first.fetch(location)).status), 'the first lease is dead');
  });

  /** @param {string} file */
  async function bytesIn(file) {
    return (await stat(file).catch(() => ({ size: 0 }))).size;
  }
});

describe('a client asks for parts', () => {
  let shop, base, lease, copy, etag;
  before(async () => {
    shop = await openShop();
    base = await zipOf({ 'plates/one.txt': 'Ex libris '.repeat(500), 'plates/two.txt': randomBytes(5_000) });
    await shop.publish(base);
  });
  after(() => shop.close());
  // Each lease takes a limited number of requests.
  beforeEach(async () => {
    const { link } = await shop.buy();
    const browser = shop.browser();
    const location = (await browser.press(link)).headers.get('location');
    lease = (headers) => browser.fetch(location, { headers });
    const answer = await lease();
    etag = answer.headers.get('etag');
    assert.equal(answer.headers.get('accept-ranges'), 'bytes');
    copy = await drain(answer);
  });

  async function isPart(range, from, to, headers = {}) {
    const answer = await lease({ range, ...headers });
    assert.equal(answer.status, 206, range);
    assert.equal(answer.headers.get('content-range'), `bytes ${from}-${to - 1}/${copy.length}`);
    assert.equal(answer.headers.get('content-length'), String(to - from));
    assert.equal(answer.headers.get('etag'), etag);
    assert.equal(answer.headers.get('content-type'), 'application/zip');
    assert.ok((await drain(answer)).equals(copy.subarray(from, to)), range);
  }

  async function isWhole(headers) {
    const answer = await lease(headers);
    assert.equal(answer.status, 200, JSON.stringify(headers));
    assert.equal(answer.headers.get('content-range'), null);
    assert.ok((await drain(answer)).equals(copy));
  }

  it('one byte on either side of every border between segments', async () => {
    const directory = base.indexOf('PK\x01\x02', 'latin1');
    const newDirectory = copy.indexOf(base.subarray(directory, -22));
    const ownRecords = newDirectory + base.length - 22 - directory;
    const end = copy.length - 22;
    for (const border of [directory, newDirectory, ownRecords, end]) {
      await isPart(`bytes=${border - 1}-${border - 1}`, border - 1, border);
      await isPart(`bytes=${border}-${border}`, border, border + 1);
    }
    await isPart('bytes=0-0', 0, 1);
    await isPart('bytes=-1', copy.length - 1, copy.length);
  });

  it('across borders, open, from the end, and past it', async () => {
    const directory = base.indexOf('PK\x01\x02', 'latin1');
    await isPart(`bytes=${directory - 10}-${copy.length - 5}`, directory - 10, copy.length - 4);
    await isPart('bytes=100-', 100, copy.length);
    await isPart('bytes=-100', copy.length - 100, copy.length);
    await isPart(`bytes=0-${copy.length + 1_000}`, 0, copy.length);
    await isPart(`bytes=-${copy.length + 1_000}`, 0, copy.length);
  });

  it('what is not there', async () => {
    for (const range of [`bytes=${copy.length}-`, `bytes=${copy.length + 5}-${copy.length + 9}`, 'bytes=-0']) {
      const answer = await lease({ range });
      assert.equal(answer.status, 416, range);
      assert.equal(answer.headers.get('content-range'), `bytes */${copy.length}`);
      await drain(answer);
    }
  });

  it('what is no range, or several, is answered whole', async () => {
    for (const range of ['bytes=5-1', 'lines=1-2', 'bytes=a-b', 'bytes=0-1,5-6']) await isWhole({ range });
  });

  it('If-Range holds with the very tag, and with nothing else', async () => {
    await isPart('bytes=10-19', 10, 20, { 'if-range': etag });
    for (const tag of ['"another"', `W/${etag}`, etag.replaceAll('"', ''), new Date().toUTCString()]) {
      await isWhole({ range: 'bytes=10-19', 'if-range': tag });
    }
  });
});

describe('a new release comes out while a download runs', () => {
  const [old, fresh] = ['old', 'new'].map((name) => () => zipOf({ [`${name}/plates.bin`]: randomBytes(PART_BYTES) }));
  let shop;
  before(async () => {
    shop = await openShop();
  });
  after(() => shop.close());

  it('no copy is made of both, and the link still works', async () => {
    await shop.publish(await old());
    const { link } = await shop.buy();
    const browser = shop.browser();
    const location = (await browser.press(link)).headers.get('location');
    const running = await browser.fetch(location);
    const etag = running.headers.get('etag');
    const total = Number(running.headers.get('content-length'));
    const reader = running.body.getReader();
    const first = (await reader.read()).value;

    await shop.publish(await fresh());
    const rest = await remaining(reader);
    if (rest !== null) assert.equal(first.length + rest.length, total, 'whole, or visibly broken');

    // It goes on with its tag: from the start, since there is no such copy any more.
    const again = await browser.fetch(location, { headers: { range: `bytes=${first.length}-`, 'if-range': etag } });
    assert.equal(again.status, 200);
    assert.notEqual(again.headers.get('etag'), etag);
    const copy = await drain(again);
    assert.ok(copy.includes('new/LICENSE.txt') && !copy.includes('old/plates.bin'), 'all of it is the new release');
  });

  it('who goes on without a tag gets no bytes of another release', async () => {
    await shop.publish(await old());
    const { link } = await shop.buy();
    const browser = shop.browser();
    const location = (await browser.press(link)).headers.get('location');
    const abort = new AbortController();
    const running = await browser.fetch(location, { signal: abort.signal });
    await running.body.getReader().read();
    abort.abort();
    await shop.publish(await fresh());
    const answer = await browser.fetch(location, { headers: { range: 'bytes=1000000-' } });
    assert.notEqual(answer.status, 206);
    await drain(answer);
    const delivered = await browser.fetch(location);
    assert.equal(delivered.status, 200);
    await drain(delivered);
  });

  /** The rest of a body, or null if it broke. */
  async function remaining(reader) {
    const chunks = [];
    try {
      for (let part = await reader.read(); !part.done; part = await reader.read()) chunks.push(part.value);
      return Buffer.concat(chunks);
    } catch {
      return null;
    }
  }
});
