import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import { performance } from 'node:perf_hooks';
import { Log, LogLevel, Miniflare, convertV4MiniflareOptions } from 'miniflare';
import { runtimes } from '../memory/processes.mjs';
import { Meter } from './meter.mjs';
import { SECRETS, counting, ours, productOf, rustZip, variant } from './workers.mjs';

/** After the last byte the runtime tidies up: that belongs to the request as well. */
const SETTLE_MS = 40;

/**
 * Some variants in one runtime, each behind a socket of its own: nothing stands between the client and a Worker.
 * Storage lies in `folder`, so that it outlives a runtime; several may run side by side, if what is in the bucket was
 * put there before. Only its own process is metered, so a variant that is alone in one pays for its own garbage, and
 * for no other's.
 */
export class Runtime {
  #mf;
  #addresses = new Map();

  /**
   * @param {string} folder
   * @param {{ archives: string[], variants: string[], counted?: boolean, product?: boolean, v8Flags?: string[] }} what
   *   `counted`: ours counts what it does; `product`: ours is there at all
   */
  static async start(folder, { archives, variants, counted = false, product = true, v8Flags = [] }) {
    const workers = [];
    if (product) workers.push(counted ? counting(archives) : ours(archives));
    for (const name of variants) workers.push(name === 'rust-zip' ? await rustZip() : await variant(name));
    const runtime = new Runtime();
    const others = runtimes();
    // Read by Miniflare when it starts workerd.
    process.env.MINIFLARE_WORKERD_V8_FLAGS = v8Flags.join(' ');
    runtime.#mf = new Miniflare(convertV4MiniflareOptions({
      resourcePersistencePath: folder,
      log: new Log(LogLevel.ERROR),
      // What the Workers log is made either way, and of no interest.
      handleStructuredLogs: () => {},
      defaultPersistRoot: folder,
      workers: workers.map((worker) => ({ ...worker, unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }] })),
    }));
    await runtime.#mf.ready;
    for (const { name } of workers) runtime.#addresses.set(name, (await runtime.#mf.unsafeGetDirectURL(name)).origin);
    runtime.meter = new Meter(runtimes().filter((pid) => !others.includes(pid)));
    return runtime;
  }

  close = () => this.#mf.dispose();

  /** @param {string} worker */
  origin = (worker) => this.#addresses.get(worker);

  /** The bucket, to look into. */
  bucket = () => this.#mf.getR2Bucket('ARCHIVES', 'ours');

  /**
   * One request of a thin client, which counts the body and keeps nothing of it.
   * @param {string} worker
   * @param {string} path
   * @param {{ method?: string, headers?: object, body?: string, keep?: boolean, agent?: http.Agent }} [init] `keep`: the body is wanted
   */
  async request(worker, path, { method = 'GET', headers = {}, body, keep = false, agent = false } = {}) {
    const began = performance.now();
    const request = http.request(new URL(path, this.origin(worker)), { method, headers, agent });
    request.end(body);
    const [response] = await once(request, 'response');
    let [firstByteMs, bytes] = [null, 0];
    const kept = [];
    response.on('data', (chunk) => {
      firstByteMs ??= performance.now() - began;
      bytes += chunk.length;
      if (keep) kept.push(chunk);
    });
    await once(response, 'end');
    const seconds = (performance.now() - began) / 1000;
    if (!response.complete) throw new Error(`${worker}: the answer broke off after ${bytes} bytes`);
    const announced = response.headers['content-length'];
    if (announced !== undefined && Number(announced) !== bytes) throw new Error(`${worker}: ${bytes} bytes of ${announced}`);
    const content = Buffer.concat(kept);
    return { status: response.statusCode, headers: response.headers, content, bytes, seconds, firstByteMs };
  }

  /**
   * A whole download, metered.
   * @param {() => Promise<{ status: number, bytes: number, seconds: number, firstByteMs: number | null }>} download
   */
  async metered(download) {
    this.meter.start();
    const { status, bytes, seconds, firstByteMs } = await download();
    if (status !== 200 && status !== 206) throw new Error(`status ${status}`);
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    return { bytes, seconds, firstByteMs, ...this.meter.stop() };
  }

  /** A link for a copy of an archive, as the operator gives one. */
  async link(archive) {
    const body = JSON.stringify({
      reference: `bench-${randomBytes(8).toString('hex')}`,
      email: 'ada@example.com',
      name: 'Ada Lovelace',
      organisation: 'Engines Ltd',
      product: productOf(archive),
    });
    const headers = { authorization: `Bearer ${SECRETS.ADMIN_TOKEN}` };
    const answer = await this.request('ours', '/links', { method: 'POST', headers, body, keep: true });
    if (answer.status !== 201) throw new Error(`no link: ${answer.status} ${answer.content}`);
    return new URL(JSON.parse(answer.content).url).searchParams.get('token');
  }

  /** Presses the button: the address of the copy, and the cookie that goes with it. */
  async redeem(token, { agent } = {}) {
    const headers = { 'content-type': 'application/x-www-form-urlencoded', accept: 'text/html' };
    const answer = await this.request('ours', '/download', { method: 'POST', headers, body: `token=${token}`, keep: true, agent });
    if (answer.status !== 303) throw new Error(`no lease: ${answer.status} ${answer.content}`);
    return { path: answer.headers.location, cookie: answer.headers['set-cookie'][0].split(';')[0] };
  }

  /** Everything before the copy itself: bought, redeemed. */
  async lease(archive) {
    return this.redeem(await this.link(archive));
  }

  /** The product's download, or a variant's, of one archive. */
  async download(worker, archive, lease, init = {}) {
    if (worker !== 'ours') return this.request(worker, `/${archive}`, init);
    return this.request('ours', lease.path, { ...init, headers: { cookie: lease.cookie, ...init.headers } });
  }
}
