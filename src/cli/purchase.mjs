import { setTimeout as sleep } from 'node:timers/promises';
import { readDevVars } from './dev-vars.mjs';
import { checkoutCompleted, deliver } from './stripe-event.mjs';
import { Advice } from './terminal.mjs';

const MAIL_WITHIN_MS = 30_000;
const POLL_MS = 200;

/**
 * Buys a product the way Stripe reports it, through the real webhook, and waits for the mail.
 * @param {string} origin where the Worker listens
 * @param {string} product
 * @returns {Promise<{ to: string, subject: string, links: string[] }>} the mail
 */
export async function simulatedPurchase(origin, product) {
  const buyer = { name: 'Ada Lovelace', organisation: 'Analytical Engines Ltd', email: 'ada@example.com', product };
  const earlier = new Set((await outbox(origin)).flatMap(({ links }) => links));
  const event = checkoutCompleted(buyer);
  const answer = await deliver((path, init) => fetch(origin + path, init), event, readDevVars().STRIPE_WEBHOOK_SECRET);
  if (!answer.ok) {
    throw new Advice(`the webhook refused the simulated purchase: ${answer.status} ${await answer.text()}`);
  }
  const until = Date.now() + MAIL_WITHIN_MS;
  while (Date.now() < until) {
    const mail = (await outbox(origin)).find(({ to, links }) => to === buyer.email && !links.every((link) => earlier.has(link)));
    if (mail) return mail;
    await sleep(POLL_MS);
  }
  throw new Advice(`no mail came within ${MAIL_WITHIN_MS / 1000} s. The Worker's log above says why.`);
}

/**
 * The mails that the outbox keeps, newest first.
 * @param {string} origin
 */
async function outbox(origin) {
  const answer = await fetch(`${origin}/dev/outbox`, { headers: { accept: 'application/json' } });
  if (!answer.ok) {
    throw new Advice(`/dev/outbox answers ${answer.status}. Does .dev.vars say ENVIRONMENT=development?`);
  }
  return answer.json();
}
