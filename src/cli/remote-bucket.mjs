import { NODE } from './project.mjs';
import { Advice, run, say } from './terminal.mjs';
import { WRANGLER } from './wrangler.mjs';

/** wrangler's own limit, MAX_UPLOAD_SIZE_BYTES in its source: 300 MiB. */
const MAX_BYTES = 300 * 1024 * 1024;

/** wrangler puts a key into an address as it is, where these mean something else. */
const UNFIT_KEY = /[?#%\\]|(^|\/)\.{0,2}(\/|$)/;

/**
 * The bucket on Cloudflare, through wrangler.
 * @param {string} bucket
 */
export function remoteBucket(bucket) {
  return {
    /** Not looked at: to read what may be missing is more than wrangler can tell from other failures. */
    async text(key) {
      say(`not checked: ${key}, in case it is in the bucket. /healthz of the deployed Worker checks it`);
      return null;
    },
    put: (key, file) =>
      run(NODE, [WRANGLER, 'r2', 'object', 'put', `${bucket}/${key}`, '--file', file, '--remote'], {
        advice: 'Are you logged in (npx wrangler login), and is the bucket there (npx wrangler r2 bucket list)? Run it again.',
      }),
    close: async () => undefined,
  };
}

/**
 * Refuses what wrangler can't upload, before anything is, and says what can.
 * @param {string} bucket
 * @param {[string, string][]} uploads keys and files, in their order
 * @param {number} largestBytes
 */
export function refuseUnfit(bucket, uploads, largestBytes) {
  const why =
    largestBytes > MAX_BYTES
      ? `wrangler uploads up to ${MAX_BYTES} bytes (300 MiB), and this archive has ${largestBytes}`
      : uploads.some(([key]) => UNFIT_KEY.test(key)) && 'wrangler would store this key wrongly';
  if (!why) return;
  const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
  const lines = [
    `all is well with it, but ${why}. Nothing was uploaded.`,
    'Upload it by R2\'s S3 API, with a token of https://dash.cloudflare.com/?to=/:account/r2/api-tokens. Once:',
    '  rclone config create r2 s3 provider=Cloudflare no_check_bucket=true access_key_id=ID secret_access_key=SECRET \\',
    '    endpoint=https://ACCOUNT_ID.r2.cloudflarestorage.com',
    'Then, in this order:',
    ...uploads.map(([key, file]) => `  rclone copyto --progress ${quoted(file)} ${quoted(`r2:${bucket}/${key}`)}`),
    'Or, for each: aws s3 cp FILE s3://BUCKET/KEY --endpoint-url https://ACCOUNT_ID.r2.cloudflarestorage.com',
  ];
  throw new Advice(lines.join('\n'));
}
