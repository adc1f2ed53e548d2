import { NODE } from './project.mjs';
import { Advice, captured } from './terminal.mjs';
import { WRANGLER } from './wrangler.mjs';

/** What wrangler, or Cloudflare, says of a Worker that is not there, which is so before its first deployment. */
const NO_SUCH_WORKER = /\b10007\b|Worker "[^"]*" not found/;

/**
 * The names of the secrets that the deployed Worker has. Nobody can read their values.
 * @param {string} config the path of wrangler.toml
 * @returns {Promise<string[]>}
 */
export async function remoteSecrets(config) {
  const { code, stdout, stderr } = await captured(NODE, [WRANGLER, 'secret', 'list', '--format', 'json', '--config', config]);
  if (code === 0) return JSON.parse(stdout).map(({ name }) => name);
  if (NO_SUCH_WORKER.test(stdout + stderr)) return [];
  throw new Advice(`wrangler could not list the Worker's secrets.\n${stdout}${stderr}`);
}
