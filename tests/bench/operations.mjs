import { setTimeout as sleep } from 'node:timers/promises';
import { checkoutCompleted, signature } from '../../src/cli/stripe-event.mjs';
import { publish } from './archives.mjs';
import { SECRETS, productOf } from './workers.mjs';

const ARCHIVE = 'counted.zip';
/** A purchase's alarm follows it at once, a download's within the half hour that its lease may last. */
const ALARM_MS = 1_500;

/**
 * What the platform bills for one purchase and one download, counted in the runtime. The archive and the texts are
 * known from a download before, as for all but a location's first.
 * @param {(what: object) => Promise<import('./runtime.mjs').Runtime>} start
 * @returns {Promise<Record<'purchase' | 'page' | 'button' | 'copy', Record<string, number>>>}
 */
export async function countOperations(start) {
  const runtime = await start({ archives: [ARCHIVE], variants: ['raw'], counted: true });
  const told = async () => JSON.parse((await runtime.request('ours', '/operations', { keep: true })).content);
  try {
    await publish(runtime, ARCHIVE, { count: 100, length: 1_000 });
    const before = await runtime.lease(ARCHIVE);
    await runtime.download('ours', ARCHIVE, before);
    await sleep(ALARM_MS);
    await told();

    const posted = await buy(runtime);
    await sleep(ALARM_MS);
    const purchase = await told();
    const token = await tokenOf(runtime, posted);
    await told();

    await runtime.request('ours', `/download?token=${token}`, { headers: { accept: 'text/html' } });
    const page = await told();
    const lease = await runtime.redeem(token);
    const button = await told();
    await runtime.download('ours', ARCHIVE, lease);
    await sleep(ALARM_MS);
    return { purchase, page, button, copy: await told() };
  } finally {
    await runtime.close();
  }
}

async function buy(runtime) {
  const email = 'counted@example.com';
  const event = checkoutCompleted({ name: 'Ada Lovelace', email, product: productOf(ARCHIVE) });
  const body = JSON.stringify(event, null, 2);
  const headers = { 'stripe-signature': signature(body, SECRETS.STRIPE_WEBHOOK_SECRET) };
  const answer = await runtime.request('ours', '/webhooks/stripe', { method: 'POST', headers, body });
  if (answer.status !== 200) throw new Error(`webhook: ${answer.status}`);
  return event.data.object.id;
}

/** The link that was mailed, as the operator gets it. */
async function tokenOf(runtime, session) {
  const headers = { authorization: `Bearer ${SECRETS.ADMIN_TOKEN}` };
  const answer = await runtime.request('ours', '/links', { method: 'POST', headers, body: JSON.stringify({ session_id: session }), keep: true });
  if (answer.status !== 201) throw new Error(`no link: ${answer.status} ${answer.content}`);
  return new URL(JSON.parse(answer.content).url).searchParams.get('token');
}
