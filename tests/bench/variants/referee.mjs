/**
 * Asks objects, and nothing else: orders as a download asks them, and bare counters. Many calls per request, so that
 * what is measured is the objects, and not the way to this Worker. `POST /counter` takes `{ name, counts }`, `POST /order`
 * takes a link, `{ order, jti, browsers }`.
 */
const TOTAL_BYTES = 200_000_000;

export default {
  async fetch(request, { ORDERS, COUNTERS }) {
    const asked = await request.json();
    if (new URL(request.url).pathname === '/counter') await count(COUNTERS.getByName(asked.name), asked.counts);
    else await download(ORDERS.getByName(asked.order), asked);
    return new Response(null, { status: 204 });
  },
};

async function count(counter, counts) {
  for (let at = 0; at < counts; at++) await (await counter.fetch('https://counter/')).text();
}

/** Redeem, begin, finish, by one browser after the other: each of the three changes the order. */
async function download(order, { jti, browsers }) {
  const ask = async (command, expected) => {
    const answer = await (await order.fetch('https://order/', { method: 'POST', body: JSON.stringify(command) })).json();
    if (!answer[expected]) throw new Error(`${JSON.stringify(command)}: ${JSON.stringify(answer)}`);
  };
  for (let at = 0; at < browsers; at++) {
    const [browser, lease, stream] = [`browser-${at}`, name(), name()];
    const key = { jti, lease, browser };
    const bytes = { range: { start: 0, end: TOTAL_BYTES }, open_ended: true, total: TOTAL_BYTES, etag: 'c'.repeat(40) };
    const client = { country: 'GB', network: '192.0.2', user_agent: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0)' };
    const trail = { version: '2.1.0', archive_etag: 'e'.repeat(32), client };
    await ask({ Redeem: { jti, browser, lease } }, 'Leased');
    await ask({ Begin: { key, stream, request: bytes, trail } }, 'Holds');
    await ask({ Finish: { key, stream, ending: 'Broken' } }, 'Holds');
  }
}

/** 22 characters of base64url, as the names of leases and streams are. */
const name = () => crypto.randomUUID().replaceAll('-', '').slice(0, 22);
