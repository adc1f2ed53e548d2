import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ANSWERS, RESEND_KEY } from './fake-mail-provider.mjs';
import { OPERATOR, openMailShop, statusOf, until } from './mail-shop.mjs';
import { someAddress } from './shop.mjs';

const { resend } = ANSWERS;
const DOWN = { line: 'close' };

const sent = (mails, { session }) => until('the mail is sent', async () => (await mails.order(session)).mail.stage === 'sent');

/** Every key is of one text alone, and each text of one key. */
function assertKeysAndTextsMatch(requests) {
  const keys = new Map();
  for (const { headers, text } of requests) {
    const key = headers['idempotency-key'];
    assert.equal(keys.get(key) ?? text, text, `${key} has two texts`);
    keys.set(key, text);
  }
  assert.equal(new Set(keys.values()).size, keys.size, 'a text has two keys');
  return [...keys.keys()];
}

describe('the provider is down for two days, in a hurry', () => {
  let mails;
  before(async () => {
    // Two days take 24 s; a text is kept for 10 s of them.
    mails = await openMailShop('resend', 7_200);
  });
  after(() => mails?.close());

  it('the buyer gets one mail, whose link works, and none of the links before it does', async () => {
    const { provider, shop } = mails;
    provider.always(DOWN);
    const buyer = await mails.buy();
    await sleep(24_000);
    provider.always(null);
    await sent(mails, buyer);
    const requests = provider.requestsTo(buyer.email);
    assert.ok(requests.length > 10 && requests.length < 40, String(requests.length));
    const keys = assertKeysAndTextsMatch(requests);
    assert.ok(keys.length >= 3, keys.join());

    const [mail, ...more] = provider.mailsTo(buyer.email);
    assert.deepEqual(more, []);
    assert.equal(await statusOf(shop, mail.links[0]), 200);
    for (const { links } of requests.filter(({ links }) => links[0] !== mail.links[0])) {
      assert.equal(await statusOf(shop, links[0]), 410);
    }
    const told = await until('the operator hears that it was stuck', () => provider.mailsTo(OPERATOR).find(({ plain }) => plain.includes('mail-stuck')));
    assert.ok(told.plain.includes(buyer.session));
  });
});

describe('alarms fail more often than the platform tries them', () => {
  let mails;
  before(async () => {
    mails = await openMailShop('resend', 3_600);
  });
  after(() => mails?.close());

  it('a dozen failures later the buyer gets one mail', async () => {
    const email = someAddress();
    mails.provider.plan(email, ...Array(12).fill(resend.broken));
    const buyer = await mails.buy(email);
    await sent(mails, buyer);
    assert.equal(mails.provider.requestsTo(email).length, 13);
    assert.equal(mails.provider.mailsTo(email).length, 1);
  });
});

describe('the order is thrown out of memory between any two attempts', () => {
  let mails;
  before(async () => {
    mails = await openMailShop('resend', 600);
  });
  after(() => mails?.close());

  it('the buyer gets one mail', async () => {
    const email = someAddress();
    const misfortunes = [DOWN, { ...resend.broken, taken: true }, { taken: true, line: 'close' }, resend.busy];
    mails.provider.plan(email, ...misfortunes);
    const buyer = await mails.buy(email);
    for (const attempt of [1, 2, 3, 4, 5]) {
      await until('an attempt has ended', async () => {
        const { mail } = await mails.order(buyer.session);
        return mail.attempts >= attempt && mail.stage !== 'sending';
      });
      await mails.shop.evict(buyer.session);
    }
    await sent(mails, buyer);
    const requests = mails.provider.requestsTo(email);
    assert.equal(assertKeysAndTextsMatch(requests).length, 1);
    assert.equal(mails.provider.mailsTo(email).length, 1);
    await sleep(3_000);
    assert.equal(mails.provider.requestsTo(email).length, requests.length, 'nothing comes after');
  });
});

describe('the operator hears once per cause', () => {
  let mails;
  before(async () => {
    // Causes are gathered for 3 s.
    mails = await openMailShop('resend', 60);
  });
  after(() => mails?.close());

  it('several causes are one mail, which is tried again, and the log has no address', async () => {
    const { provider, shop } = mails;
    provider.plan(OPERATOR, resend.broken, { ...resend.broken, taken: true });
    const buyers = [];
    for (let n = 0; n < 3; n++) {
      const email = someAddress();
      provider.plan(email, { ...resend.invalidTo, body: { ...resend.invalidTo.body, message: `Invalid \`to\` field: ${email}` } });
      buyers.push(await mails.buy(email));
    }
    const [told, ...more] = await until('the operator hears', () => {
      const all = provider.mailsTo(OPERATOR);
      return all.length && provider.requestsTo(OPERATOR).length === 3 && all;
    });
    assert.deepEqual(more, []);
    for (const { session } of buyers) assert.ok(told.plain.includes(`mail-failed: ${session}`), told.plain);
    assert.match(told.subject, /needs you: mail-failed and 2 more$/);
    assert.equal(assertKeysAndTextsMatch(provider.requestsTo(OPERATOR)).length, 1);

    const lines = shop.logs().join('\n');
    for (const { email, session } of buyers) {
      assert.ok(lines.includes(`"code":"mail-failed"`) && lines.includes(session));
      assert.ok(!lines.includes(email), 'an address in the log');
    }
    for (const secret of [RESEND_KEY, OPERATOR]) assert.ok(!lines.includes(secret), secret);
  });
});
