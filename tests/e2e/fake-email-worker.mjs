import { WorkerEntrypoint } from 'cloudflare:workers';

/** What was sent, and what to throw instead; one isolate has it all. */
const sent = [];
const planned = new Map();

/** Cloudflare's `send_email` binding, as far as it is documented. */
export default class extends WorkerEntrypoint {
  send(message) {
    const code = planned.get(message.to)?.shift();
    if (code) throw Object.assign(new Error(`refused: ${message.to}`), { code });
    sent.push(message);
    return { messageId: String(sent.length) };
  }

  /** The test's door: GET what was sent, POST what to throw. */
  async fetch(request) {
    if (request.method === 'POST') {
      const { to, codes } = await request.json();
      planned.set(to, codes);
    }
    return Response.json(sent);
  }
}
