import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ROOT } from '../../src/cli/project.mjs';
import { openCloudflare } from './fake-cloudflare.mjs';

const SECRETS = ['STRIPE_API_KEY', 'LINK_KEYS', 'ADMIN_TOKEN', 'RESEND_API_KEY'];

describe('the operator deploys', () => {
  let folder, config;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bookplate-'));
    config = join(folder, 'wrangler.toml');
    const ready = (await readFile(join(ROOT, 'wrangler.toml'), 'utf8'))
      .replace('main = "build/index.js"', `main = ${JSON.stringify(join(ROOT, 'build', 'index.js'))}`)
      .replace(/^\[build\]\n(?:.+\n)+/m, '')
      .replace(/^SUPPORT_EMAIL = .*$/m, 'SUPPORT_EMAIL = "help@paperstreet.example"')
      .replace(/^MAIL_PROVIDER = .*$/m, 'MAIL_PROVIDER = "resend"')
      .replace(/^MAIL_FROM = .*$/m, 'MAIL_FROM = "Paper Street <post@paperstreet.example>"');
    await writeFile(config, ready);
  });
  after(() => rm(folder, { recursive: true }));

  /** `npm run deploy`, by somebody whose home has no login. */
  async function deploy(args, more = {}) {
    const { CLOUDFLARE_API_TOKEN: _, ...env } = process.env;
    const child = spawn('npm', ['run', '--silent', 'deploy', '--', ...args], {
      cwd: ROOT,
      env: { ...env, XDG_CONFIG_HOME: folder, WRANGLER_HOME: folder, CI: 'true', ...more },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
    const [code] = await once(child, 'close');
    return { code, said };
  }

  it('without an account, and is told how to get on', async () => {
    const { code, said } = await deploy([]);
    assert.equal(code, 1, said);
    assert.match(said, /not logged in at Cloudflare\. Nothing was deployed/);
    assert.match(said, /npx wrangler login/);
    assert.match(said, /CLOUDFLARE_API_TOKEN/);
  });

  it('the example, and is told at once all that is missing', async () => {
    const cloudflare = await openCloudflare();
    try {
      const { code, said } = await deploy([], cloudflare.environment);
      assert.equal(code, 1, said);
      for (const name of ['SUPPORT_EMAIL', 'MAIL_PROVIDER', 'STRIPE_API_KEY', 'LINK_KEYS', 'ADMIN_TOKEN']) assert.match(said, new RegExp(`- .*${name}`), name);
      assert.match(said, /wrangler secret put LINK_KEYS/);
      assert.deepEqual(cloudflare.requests.filter(({ asked }) => !asked.startsWith('GET')), [], 'nothing was changed');
    } finally {
      await cloudflare.close();
    }
  });

  it('a shop whose provider lacks its key', async () => {
    const cloudflare = await openCloudflare({ secrets: SECRETS.slice(0, 3) });
    try {
      const { code, said } = await deploy(['--check', '--config', config], cloudflare.environment);
      assert.equal(code, 1, said);
      assert.match(said, /the secret RESEND_API_KEY is not set/);
      assert.doesNotMatch(said, /LINK_KEYS/);
    } finally {
      await cloudflare.close();
    }
  });

  it('a shop that is ready: what is missing is created, and what is left to do is said', { timeout: 120_000 }, async () => {
    const cloudflare = await openCloudflare({ secrets: SECRETS });
    try {
      const { code, said } = await deploy(['--config', config], cloudflare.environment);
      assert.equal(code, 0, said);
      assert.deepEqual(cloudflare.buckets.map(({ name }) => name), ['bookplate-archives']);
      assert.deepEqual(cloudflare.namespaces.map(({ title }) => title), ['bookplate-links']);
      assert.ok(cloudflare.requests.some(({ asked }) => asked.startsWith('PUT /accounts/<account>/workers/scripts/bookplate')), 'the Worker');
      for (const part of ['bookplate-archives', '/healthz', '/webhooks/stripe', 'STRIPE_WEBHOOK_SECRET', 'npm run publish']) assert.ok(said.includes(part), said);
    } finally {
      await cloudflare.close();
    }
  });
});
