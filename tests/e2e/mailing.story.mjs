import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ServerClient } from 'postmark';
import { Resend } from 'resend';
import { ANSWERS, POSTMARK_TOKEN, RESEND_KEY } from './fake-mail-provider.mjs';
import { OPERATOR, openMailShop, statusOf, until } from './mail-shop.mjs';
import { someAddress } from './shop.mjs';

/** A pause of 30 s takes 1 s, the hour after a refusal 6 s, and a mail is stuck after 36 s. */
const SPEEDUP = 600;

/** Long enough for an attempt that must not come: those that must come take half of it. */
const QUIET_MS = 4_000;

/** Sends a mail that we sent, by the provider's official library. */
const bySdk = {
  async resend(provider, { json: { reply_to: replyTo, ...mail }, headers }) {
    const idempotencyKey = headers['idempotency-key'];
    const { error } = await new Resend(RESEND_KEY, { baseUrl: provider.origin }).emails.send({ ...mail, replyTo }, { idempotencyKey });
    assert.equal(error, null);
  },
  async postmark(provider, { json }) {
    const client = new ServerClient(POSTMARK_TOKEN, { requestHost: new URL(provider.origin).host, useHttps: false });
    await client.sendEmail(json);
  },
};

const { resend, postmark } = ANSWERS;

/** What the provider does at first, how many requests it sees, and after how long at least the second one. */
const PASSES_BY_ITSELF = {
  resend: {
    'it is broken twice': { first: [resend.broken, resend.broken], requests: 3 },
    'it says when to come again': { first: [{ ...resend.busy, headers: { 'retry-after': '3' } }], requests: 2, afterMs: 2_900 },
    'it says so as a date': { first: [() => ({ ...resend.busy, headers: { 'retry-after': new Date(Date.now() + 4_500).toUTCString() } })], requests: 2, afterMs: 2_900 },
    'it says when there is quota again': { first: [{ ...resend.busy, headers: { 'ratelimit-reset': '3' } }], requests: 2, afterMs: 2_900 },
    'it does not say when to come again': { first: [resend.busy], requests: 2, afterMs: 900 },
    'it is still at it': { first: [resend.concurrent], requests: 2 },
    'it closes without an answer': { first: [{ line: 'close' }], requests: 2 },
    'it closes in the middle of an error': { first: [{ ...resend.broken, line: 'half' }], requests: 2 },
    'it takes the mail, and fails to say so': { first: [{ ...resend.broken, taken: true }, { taken: true, line: 'close' }], requests: 3 },
    'it takes the mail, and closes in the middle of saying so': { first: [{ taken: true, line: 'half' }], requests: 1 },
    'it had another text under this key': { first: [{ ...resend.otherBody, taken: true }], requests: 1 },
    'it never answers': { first: [{ line: 'hang' }], requests: 2, afterMs: 14_000 },
  },
  postmark: {
    'it is broken twice': { first: [postmark.broken, postmark.broken], requests: 3 },
    'it is being maintained': { first: [postmark.maintenance], requests: 2 },
    'it says when to come again': { first: [{ ...postmark.busy, headers: { 'retry-after': '3' } }], requests: 2, afterMs: 2_900 },
    'it takes the mail, and closes in the middle of saying so': { first: [{ taken: true, line: 'half' }], requests: 1 },
  },
};

/** What only the operator can mend. */
const REFUSES = {
  resend: { '400, for whatever it may be': resend.badRequest, 401: resend.badKey, 403: resend.forbidden, '429, for the quota': resend.quota },
  postmark: { 401: postmark.badToken },
};

/** What nobody can mend. */
const NEVER = {
  resend: { '422, for the recipient': resend.invalidTo },
  postmark: { '422, an inactive recipient': postmark.inactive },
};

for (const name of ['resend', 'postmark']) {
  describe(`mails go out by ${name}`, { concurrency: true }, () => {
    let mails;
    before(async () => {
      mails = await openMailShop(name, SPEEDUP);
    });
    after(() => mails?.close());

    /** Somebody buys, and the provider does this with their mail. */
    async function buyFrom(...behaviours) {
      const email = someAddress();
      mails.provider.plan(email, ...behaviours.map((one) => (typeof one === 'function' ? one() : one)));
      return mails.buy(email);
    }

    const sent = ({ session }) => until('the mail is sent', async () => (await mails.order(session)).mail.stage === 'sent');

    it('as its reference wants them, and as its own library sends them', async () => {
      const { provider, shop } = mails;
      const buyer = await mails.buy();
      await sent(buyer);
      const [ours] = provider.requestsTo(buyer.email);
      assert.equal(ours.status, 200);
      assert.match(ours.headers['user-agent'], /^bookplate\//);
      if (name === 'resend') assert.ok(ours.headers['idempotency-key'].includes(buyer.session));
      const name_ = { resend: 'The Paper Street Press Ltd', postmark: '"The Paper Street Press, Ltd"' }[name];
      assert.equal(ours.from, `${name_} <post@paperstreet.example>`);
      assert.ok(ours.html.includes(ours.links[0]));
      assert.equal(await statusOf(shop, ours.links[0]), 200);

      await bySdk[name](provider, ours);
      const theirs = provider.requestsTo(buyer.email).at(-1);
      assert.notEqual(theirs, ours);
      assert.equal(theirs.path, ours.path);
      assert.deepEqual(theirs.json, ours.json);
      const same = ['authorization', 'idempotency-key', 'x-postmark-server-token', 'content-type'];
      for (const header of same) assert.equal(theirs.headers[header], ours.headers[header], header);
    });

    for (const [what, { first, requests, afterMs = 0 }] of Object.entries(PASSES_BY_ITSELF[name])) {
      it(`${what}: the buyer gets one mail`, async () => {
        const buyer = await buyFrom(...first);
        await sent(buyer);
        const seen = mails.provider.requestsTo(buyer.email);
        assert.equal(seen.length, requests);
        assert.equal(new Set(seen.map(({ text }) => text)).size, 1, 'each with the same bytes');
        assert.equal(new Set(seen.map(({ headers }) => headers['idempotency-key'])).size, 1, 'and the same key');
        if (requests > 1) assert.ok(seen[1].at - seen[0].at >= afterMs, `${seen[1].at - seen[0].at} ms`);
        const [mail, ...more] = mails.provider.mailsTo(buyer.email);
        assert.deepEqual(more, []);
        assert.equal(await statusOf(mails.shop, mail.links[0]), 200);
      });
    }

    for (const [what, answer] of Object.entries(REFUSES[name])) {
      it(`${what}: it is tried again slowly, the operator hears of it, and once it is mended the buyer gets the mail`, async () => {
        const buyer = await buyFrom(answer, answer);
        await sent(buyer);
        const [first, second, third, ...more] = mails.provider.requestsTo(buyer.email);
        assert.deepEqual(more, []);
        for (const pause of [second.at - first.at, third.at - second.at]) assert.ok(pause >= 5_000, `${pause} ms`);
        assert.equal(mails.provider.mailsTo(buyer.email).length, 1);
        await until('the operator hears of it', () => mails.provider.mailsTo(OPERATOR).some(({ plain }) => plain.includes(`mail-refused: ${name}`)));
      });
    }

    for (const [what, answer] of Object.entries(NEVER[name])) {
      it(`${what}: it is not tried again, and the operator hears of it`, async () => {
        const buyer = await buyFrom(answer, answer);
        const told = await until('the operator hears of it', () => mails.provider.mailsTo(OPERATOR).find(({ plain }) => plain.includes(buyer.session)));
        for (const body of [told.plain, told.html]) {
          assert.match(body, new RegExp(`mail-failed: ${buyer.session}`));
          assert.ok(!body.includes(buyer.email), 'without the address');
        }
        await sleep(QUIET_MS);
        assert.equal(mails.provider.requestsTo(buyer.email).length, 1);
        const { mail } = await mails.order(buyer.session);
        assert.equal(mail.stage, 'failed');
        assert.equal(mail.failure.told, true);
      });
    }
  });
}
