import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ServerClient } from 'postmark';
import { Resend } from 'resend';
import { checkoutCompleted } from '../../src/cli/stripe-event.mjs';
import { POSTMARK_TOKEN, RESEND_KEY, openMailProvider } from './fake-mail-provider.mjs';
import { PRODUCT, openShop, someAddress } from './shop.mjs';
import { zipOf } from './zip.mjs';

const WITHIN_MS = 20_000;
const POLL_MS = 50;

/** Waits until it holds. @template T @param {() => T | Promise<T>} holds @returns {Promise<T>} */
async function until(holds, what = holds.toString()) {
  const end = Date.now() + WITHIN_MS;
  for (;;) {
    const held = await holds();
    if (held) return held;
    if (Date.now() > end) throw new Error(`not within ${WITHIN_MS} ms: ${what}`);
    await sleep(POLL_MS);
  }
}

/** A purchase, whose mail goes to whoever the shop is set to. */
async function buy(shop) {
  const buyer = { name: 'Ada Lovelace', organisation: 'Engines Ltd', email: someAddress(), product: PRODUCT.id };
  const event = checkoutCompleted(buyer);
  assert.equal((await shop.report(event)).status, 200);
  return { ...buyer, session: event.data.object.id };
}

/** Sends a mail that we sent, by the provider's official library. */
const bySdk = {
  async resend(provider, { json: { reply_to: replyTo, ...mail }, headers }) {
    const { error } = await new Resend(RESEND_KEY, { baseUrl: provider.origin }).emails.send(
      { ...mail, replyTo },
      { idempotencyKey: headers['idempotency-key'] },
    );
    assert.equal(error, null);
  },
  async postmark(provider, { json }) {
    const client = new ServerClient(POSTMARK_TOKEN, { requestHost: new URL(provider.origin).host, useHttps: false });
    await client.sendEmail(json);
  },
};

for (const name of ['resend', 'postmark']) {
  describe(`mails go out by ${name}`, () => {
    let provider, shop;
    before(async () => {
      provider = await openMailProvider();
      shop = await openShop(provider.settings(name));
      await shop.publish(await zipOf({ 'guide/guide.txt': 'Ex libris' }));
    });
    after(() => Promise.all([shop?.close(), provider?.close()]));

    it('as its reference wants them', async () => {
      const { email, session } = await buy(shop);
      const [mail] = await until(() => provider.requestsTo(email).length && provider.requestsTo(email));
      assert.equal(mail.status, 200);
      assert.match(mail.headers['user-agent'], /^bookplate\//);
      assert.equal(mail.headers['content-type'], 'application/json');
      if (name === 'resend') {
        assert.equal(mail.headers.authorization, `Bearer ${RESEND_KEY}`);
        assert.ok(mail.headers['idempotency-key'].includes(session));
        assert.equal(mail.from, 'The Paper Street Press Ltd <post@paperstreet.example>');
      } else {
        assert.equal(mail.headers['x-postmark-server-token'], POSTMARK_TOKEN);
        assert.equal(mail.from, '"The Paper Street Press, Ltd" <post@paperstreet.example>');
      }
      assert.equal(mail.links.length, 1);
      assert.ok(mail.html.includes(mail.links[0]));
      assert.equal((await shop.browser().fetch(mail.links[0])).status, 200);
    });

    it('as its own library would have sent them', async () => {
      const { email } = await buy(shop);
      const ours = await until(() => provider.requestsTo(email)[0]);
      await bySdk[name](provider, ours);
      const theirs = provider.requests.at(-1);
      assert.notEqual(theirs, ours);
      assert.equal(theirs.path, ours.path);
      assert.deepEqual(theirs.json, ours.json);
      const same = ['authorization', 'idempotency-key', 'x-postmark-server-token', 'content-type'];
      for (const header of same) assert.equal(theirs.headers[header], ours.headers[header], header);
    });
  });
}
