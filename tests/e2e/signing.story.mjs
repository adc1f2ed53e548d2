import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import Stripe from 'stripe';
import { checkoutCompleted, signature } from '../../src/cli/stripe-event.mjs';
import { PRODUCT, SECRETS, drain, openShop, someAddress } from './shop.mjs';

const SECRET = SECRETS.STRIPE_WEBHOOK_SECRET;
const OTHER = 'whsec_of_somebody_else_altogether';
const TOLERANCE_S = 300;

const stripe = new Stripe('sk_test_offline');

describe('a signature holds here if it holds for Stripe’s own package', () => {
  let shop;
  before(async () => {
    shop = await openShop();
  });
  after(() => shop.close());

  const now = () => Math.floor(Date.now() / 1000);
  const v1 = (body, secret, at) => signature(body, secret, at).split(',')[1];

  /** Headers for a body, made by the package and then put together in every way that may come. */
  const headers = {
    'as it comes': (body, at) => signature(body, SECRET, at),
    'two signatures, the second holds': (body, at) => `t=${at},${v1(body, OTHER, at)},${v1(body, SECRET, at)}`,
    'two signatures, the first holds': (body, at) => `t=${at},${v1(body, SECRET, at)},${v1(body, OTHER, at)}`,
    'unknown schemes beside it': (body, at) => `t=${at},v0=6ffbb59b2300aae63f272406069a9788598b792a944a07aba816edb039989a39,${v1(body, SECRET, at)},v2=abc`,
    'the scheme before the time': (body, at) => `${v1(body, SECRET, at)},t=${at}`,
    'at the edge of the tolerance': (body, at) => signature(body, SECRET, at - TOLERANCE_S + 5),
    'older than the tolerance': (body, at) => signature(body, SECRET, at - TOLERANCE_S - 5),
    'another secret': (body, at) => signature(body, OTHER, at),
    'only unknown schemes': (body, at) => signature(body, SECRET, at).replace('v1=', 'v2='),
    'no time': (body, at) => v1(body, SECRET, at),
    'a time that is none': (body, at) => `t=soon,${v1(body, SECRET, at)}`,
    'another time': (body, at) => `t=${at - 1},${v1(body, SECRET, at)}`,
    nothing: () => '',
    'no list': () => 'I am hopeful',
  };

  for (const [what, header] of Object.entries(headers)) {
    it(what, async () => {
      const event = checkoutCompleted({ name: 'Ada', email: someAddress(), product: PRODUCT.id });
      const body = JSON.stringify(event, null, 2);
      const signed = header(body, now());
      let holds = true;
      try {
        stripe.webhooks.constructEvent(body, signed, SECRET, TOLERANCE_S);
      } catch {
        holds = false;
      }
      const answer = await shop.fetch('/webhooks/stripe', { method: 'POST', body, headers: { 'stripe-signature': signed } });
      await drain(answer);
      assert.equal(answer.status, holds ? 200 : 400);
    });
  }
});
