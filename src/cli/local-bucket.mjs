import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { once } from 'node:events';
import { request } from 'node:http';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { unstable_defaultWranglerConfig, unstable_startWorker } from 'wrangler';
import { ROOT } from './project.mjs';
import { Advice, say } from './terminal.mjs';

const TRIES = 5;
const PAUSE_MS = 1_000;

/**
 * The local R2, through a Worker of its own that streams: wrangler's other ways into it hold the whole file in
 * memory. The state may be in use by npm start: SQLite's locks keep it whole, and what finds it locked is tried again.
 * @param {string} bucket
 * @param {string} state the folder
 */
export async function openLocalBucket(bucket, state) {
  const worker = await unstable_startWorker({
    name: 'bookplate-publish',
    // Not wrangler.toml, which would build and start the shop.
    config: unstable_defaultWranglerConfig,
    entrypoint: join(ROOT, 'src', 'cli', 'bucket-worker.mjs'),
    compatibilityDate: '2026-11-17',
    sendMetrics: false,
    bindings: { BUCKET: { type: 'r2_bucket', bucket_name: bucket } },
    dev: { persist: state, server: { hostname: '127.0.0.1', port: 0 }, inspector: false, watch: false, logLevel: 'none' },
  });
  await worker.ready;
  const address = async (key, md5) => {
    const url = new URL(await worker.url);
    url.search = new URLSearchParams({ key, ...(md5 && { md5 }) });
    return url;
  };
  return {
    /**
     * @param {string} key
     * @returns {Promise<Buffer | null>}
     */
    async text(key) {
      const answer = await again(async () => {
        const answer = await fetch(await address(key));
        return [200, 404].includes(answer.status) ? answer : null;
      });
      return answer.status === 404 ? null : Buffer.from(await answer.arrayBuffer());
    },
    /**
     * @param {string} key
     * @param {string} file
     * @param {string} md5 what is stored if it is exactly this
     */
    put: async (key, file, md5) => again(async () => upload(await address(key, md5), file)),
    close: () => worker.dispose(),
  };
}

/**
 * @template T
 * @param {() => Promise<T | null>} attempt null: it did not work
 * @returns {Promise<T>}
 */
async function again(attempt) {
  for (let tried = 1; tried <= TRIES; tried += 1) {
    const result = await attempt();
    if (result !== null) return result;
    say('  the local R2 is busy');
    await sleep(PAUSE_MS);
  }
  throw new Advice('the local R2 could not be used. Its messages are above. Stop npm start, and run it again.');
}

/** Streams a file at the speed at which it is taken. */
async function upload(url, file) {
  const { size } = await stat(file);
  const put = request(url, { method: 'PUT', headers: { 'content-length': size } });
  const answered = once(put, 'response');
  // Whoever refuses a file may do so before its end.
  pipeline(createReadStream(file), put).catch(() => undefined);
  const [answer] = await answered;
  const { error } = await json(answer);
  if (error?.includes('checksum')) throw new Advice(`${file} changed while it was uploaded. Nothing was stored: run it again.`);
  if (error) say(`  ${error}`);
  return error ? null : true;
}
