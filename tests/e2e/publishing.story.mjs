import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, describe, it } from 'node:test';
import { ensureDevVars } from '../../src/cli/dev-vars.mjs';
import { DEMO_PRODUCT } from '../../src/cli/demo-product.mjs';
import { NODE, ROOT } from '../../src/cli/project.mjs';
import { simulatedPurchase } from '../../src/cli/purchase.mjs';
import { wranglerDev } from '../../src/cli/wrangler.mjs';
import { freePort } from './port.mjs';
import { Browser, drain } from './shop.mjs';
import { filesIn, zipOf } from './zip.mjs';

const READY_WITHIN_MS = 60_000;
const POLL_MS = 200;
/** The program is compiled first, and release builds take a while. */
const COMPILED_WITHIN_MS = 600_000;

describe('the operator publishes a release', { timeout: COMPILED_WITHIN_MS }, () => {
  let folder;
  let state;
  let origin;
  let service;
  before(async () => {
    ensureDevVars();
    folder = await mkdtemp(join(tmpdir(), 'bookplate-'));
    state = join(folder, 'state');
    // The shop runs all the while: nobody stops a service to publish.
    const port = await freePort();
    origin = `http://127.0.0.1:${port}`;
    service = wranglerDev(port, state);
    await ready(origin);
  });
  after(async () => {
    await service.stop();
    await rm(folder, { recursive: true });
  });

  /** A file of the operator's. */
  async function file(name, contents) {
    const path = join(folder, name);
    await writeFile(path, contents);
    return path;
  }

  const publish = (...args) => said(['src/cli/publish.mjs', ...args, '--state', state]);

  /** What somebody gets who buys now. */
  async function bought() {
    const { links } = await simulatedPurchase(origin, DEMO_PRODUCT);
    const browser = new Browser({ fetch: (path, init) => fetch(new URL(path, origin), { redirect: 'manual', ...init }) });
    const delivered = await browser.download(links[0]);
    assert.equal(delivered.status, 200);
    return filesIn(await drain(delivered));
  }

  /** What the operator sees, and that buyers get the first edition still. */
  async function refused(...args) {
    const { code, words } = await publish(...args);
    assert.notEqual(code, 0, words);
    assert.doesNotMatch(words, /Uploading|at file:/);
    assert.equal((await bought()).get('guide/guide.txt').toString(), 'First edition');
    return words;
  }

  it('and it is served', async () => {
    const archive = await file('first.zip', await zipOf({ 'guide/guide.txt': 'First edition' }));
    const { code, words } = await publish(DEMO_PRODUCT, archive);
    assert.equal(code, 0, words);
    assert.match(words, /1 entries, top folder "guide"\n +ETag: +"[0-9a-f]{32}"/);
    const files = await bought();
    assert.equal(files.get('guide/guide.txt').toString(), 'First edition');
    assert.match(files.get('guide/LICENSE.txt').toString(), /^LICENCE\n/);
  });

  const broken = {
    'was cut off': { break: (whole) => whole.subarray(0, -10), says: /problem \(no-end\).*byte \d+/ },
    'goes on after its end': { break: (whole) => Buffer.concat([whole, Buffer.from('\n')]), says: /problem \(trailing-bytes\).*byte \d+.*zip -r/ },
    'has another content than it says': { break: spoilt, says: /problem \(data-(crc|size|broken)\)|problem \(broken-data\)/ },
    'has a file twice': { break: twice, says: /problem \(duplicate-name\).*byte \d+.*guide\/aaaa.*zip -r/ },
  };
  for (const [what, { break: breakIt, says }] of Object.entries(broken)) {
    it(`an archive that ${what} is refused`, async () => {
      const whole = await zipOf({ 'guide/aaaa.txt': 'Second edition', 'guide/bbbb.txt': 'Ex libris' });
      assert.match(await refused(DEMO_PRODUCT, await file('broken.zip', breakIt(whole))), says);
    });
  }

  it('a text with an unknown variable is refused, by file and line', async () => {
    const archive = await file('second.zip', await zipOf({ 'guide/guide.txt': 'Second edition' }));
    const license = await file('licence.txt', 'For\n{{ licencee }}\n');
    const words = await refused(DEMO_PRODUCT, archive, '--license', license);
    assert.ok(words.includes(license) && words.includes('line 2') && words.includes('`licencee`'), words);
    const latin = await file('latin.txt', Buffer.from([0x41, 0x0a, 0xe9]));
    assert.match(await refused(DEMO_PRODUCT, archive, '--readme', latin), /latin\.txt, line 2: .*UTF-8/);
    const long = await file('long.txt', 'x'.repeat(64 * 1024 + 1));
    assert.match(await refused(DEMO_PRODUCT, archive, '--readme', long), /long\.txt is longer than 65536 bytes/);
  });

  it('what is mistyped is said before anything is done', async () => {
    const archive = join(folder, 'first.zip');
    assert.match(await refused('html5-boilerplait', archive), new RegExp(`html5-boilerplait.*${DEMO_PRODUCT}`));
    assert.match(await refused(DEMO_PRODUCT, join(folder, 'frist.zip')), /frist\.zip is no file/);
    assert.match(await refused(DEMO_PRODUCT), /name a product and an archive/);
    assert.match(await refused(DEMO_PRODUCT, archive, '--licence', archive), /--licence/);
  });

  it('with a licence of its own, which stays for the next release', async () => {
    const license = await file('own.txt', 'Ex libris {{ licensee }}\n');
    const archive = await file('second.zip', await zipOf({ 'guide/guide.txt': 'Second edition' }));
    const { code, words } = await publish(DEMO_PRODUCT, archive, '--license', license);
    assert.equal(code, 0, words);
    // The running service keeps the texts that it read for a minute; a new one has none.
    await service.stop();
    const port = await freePort();
    origin = `http://127.0.0.1:${port}`;
    service = wranglerDev(port, state);
    await ready(origin);
    const next = await file('third.zip', await zipOf({ 'guide/guide.txt': 'Third edition' }));
    assert.equal((await publish(DEMO_PRODUCT, next)).code, 0);
    const files = await bought();
    assert.equal(files.get('guide/guide.txt').toString(), 'Third edition');
    assert.match(files.get('guide/LICENSE.txt').toString(), /^Ex libris .*Engines/);
  });
});

/** The archive with another byte in the first file's data. */
function spoilt(whole) {
  const copy = Buffer.from(whole);
  const at = 30 + copy.readUInt16LE(26) + copy.readUInt16LE(28);
  copy[at + 2] ^= 0x55;
  return copy;
}

/** The archive with its second file called as the first. */
function twice(whole) {
  return Buffer.from(whole.toString('latin1').replaceAll('bbbb', 'aaaa'), 'latin1');
}

/** Waits until the Worker answers: without an archive it is not healthy, but there. */
async function ready(origin) {
  const until = Date.now() + READY_WITHIN_MS;
  while (Date.now() < until) {
    const answer = await fetch(`${origin}/healthz`).catch(() => null);
    if (answer) return drain(answer);
    await sleep(POLL_MS);
  }
  throw new Error(`nothing answers at ${origin}`);
}

/** Runs a program to its end: its exit code, and all that it said. */
async function said(args) {
  const child = spawn(NODE, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  let words = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (words += chunk));
  const [code] = await once(child, 'close');
  return { code, words };
}
