import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { checkoutCompleted } from '../../src/cli/stripe-event.mjs';
import { ROOT } from '../../src/cli/project.mjs';
import { until } from './mail-shop.mjs';
import { PRODUCT, openShop, someAddress } from './shop.mjs';

const FAKE = { name: 'email', main: 'tests/e2e/fake-email-worker.mjs', compatibility_date: '2026-11-17' };
const VARS = { MAIL_PROVIDER: 'cloudflare', MAIL_FROM: '"The Paper Street Press, Ltd" <post@paperstreet.example>', MAIL_SPEEDUP: 600 };

/** A shop whose wrangler.toml has this besides. */
async function openShopWith(lines, neighbours = []) {
  const folder = await mkdtemp(join(tmpdir(), 'bookplate-'));
  const configPath = join(folder, 'wrangler.toml');
  const toml = (await readFile(join(ROOT, 'wrangler.toml'), 'utf8'))
    .replace('main = "build/index.js"', `main = ${JSON.stringify(join(ROOT, 'build', 'index.js'))}`)
    .replace(/^\[build\]\n(?:.+\n)+/m, '');
  await writeFile(configPath, `${toml}\n${lines}`);
  const shop = await openShop({ configPath, vars: VARS, neighbours });
  return { shop, close: () => Promise.all([shop.close(), rm(folder, { recursive: true })]) };
}

async function buy(shop, email) {
  const event = checkoutCompleted({ name: 'Ada Lovelace', email, product: PRODUCT.id });
  assert.equal((await shop.report(event)).status, 200);
  return event.data.object.id;
}

const mailOf = async (shop, session) => (await (await shop.fetch(`/dev/orders/${session}`)).json()).mail;

describe("mails go out by Cloudflare's binding", () => {
  it('which takes them as we make them', async () => {
    const { shop, close } = await openShopWith('[[send_email]]\nname = "EMAIL"\n');
    try {
      const session = await buy(shop, someAddress());
      await until('the mail is sent', async () => (await mailOf(shop, session)).stage === 'sent');
    } finally {
      await close();
    }
  });

  describe('and by one that misbehaves', () => {
    let opened, shop;
    before(async () => {
      opened = await openShopWith('[[services]]\nbinding = "EMAIL"\nservice = "email"\n', [FAKE]);
      shop = opened.shop;
    });
    after(() => opened?.close());

    const sentTo = async (email) => (await (await shop.neighbour(FAKE.name).fetch('http://email/')).json()).filter(({ to }) => to === email);
    const plan = (to, ...codes) => shop.neighbour(FAKE.name).fetch('http://email/', { method: 'POST', body: JSON.stringify({ to, codes }) });

    it('as it is documented', async () => {
      const email = someAddress();
      await buy(shop, email);
      const [mail] = await until('the mail is sent', async () => (await sentTo(email)).length && sentTo(email));
      assert.deepEqual(mail.from, { name: 'The Paper Street Press, Ltd', email: 'post@paperstreet.example' });
      assert.equal(mail.replyTo, 'help@paperstreet.example');
      assert.deepEqual(Object.keys(mail).sort(), ['from', 'html', 'replyTo', 'subject', 'text', 'to']);
    });

    it('what passes is tried again', async () => {
      const email = someAddress();
      await plan(email, 'E_RATE_LIMIT_EXCEEDED', 'E_INTERNAL_SERVER_ERROR');
      const session = await buy(shop, email);
      await until('the mail is sent', async () => (await mailOf(shop, session)).stage === 'sent');
      assert.equal((await sentTo(email)).length, 1);
    });

    it('what does not is not', async () => {
      const email = someAddress();
      await plan(email, 'E_RECIPIENT_SUPPRESSED');
      const session = await buy(shop, email);
      await until('the mail failed', async () => (await mailOf(shop, session)).stage === 'failed');
      const { failure } = await mailOf(shop, session);
      assert.match(failure.why, /E_RECIPIENT_SUPPRESSED/);
      assert.ok(!failure.why.includes(email));
    });

    it('what the operator has to mend is kept', async () => {
      const email = someAddress();
      await plan(email, 'E_SENDER_NOT_VERIFIED');
      const session = await buy(shop, email);
      await until('it is refused', async () => (await mailOf(shop, session)).trouble?.refused);
      await until('the mail is sent', async () => (await mailOf(shop, session)).stage === 'sent');
    });
  });

  it('without the binding, /healthz says so', async () => {
    const { shop, close } = await openShopWith('');
    try {
      const answer = await shop.fetch('/healthz');
      assert.equal(answer.status, 503);
      assert.match(await answer.text(), /send_email/);
    } finally {
      await close();
    }
  });
});
