/** (a) The limit: R2's body as it is. It also takes archives in, in one piece, and counts in a bare object. */
import { DurableObject } from 'cloudflare:workers';

/** The least that a referee can do: one row, one number. */
export class Counter extends DurableObject {
  constructor(state, env) {
    super(state, env);
    this.sql = state.storage.sql;
    this.sql.exec('CREATE TABLE IF NOT EXISTS counter (id INTEGER PRIMARY KEY, count INTEGER NOT NULL)');
  }

  fetch() {
    const put = 'INSERT INTO counter VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET count = count + 1 RETURNING count';
    return Response.json(this.sql.exec(put).one());
  }
}

export default {
  async fetch(request, { ARCHIVES, COUNTERS }) {
    const { pathname } = new URL(request.url);
    if (pathname === '/bare') {
      await request.arrayBuffer();
      return new Response('ok');
    }
    if (pathname.startsWith('/count/')) return COUNTERS.getByName(pathname).fetch('https://counter/');
    const key = pathname.slice(1);
    if (request.method === 'PUT') {
      const { readable, writable } = new FixedLengthStream(Number(request.headers.get('x-length')));
      await Promise.all([request.body.pipeTo(writable), ARCHIVES.put(key, readable)]);
      return new Response(null, { status: 204 });
    }
    const range = request.headers.get('range') ? { range: request.headers } : {};
    const object = await ARCHIVES.get(key, range);
    if (!object) return new Response('no such archive', { status: 404 });
    return new Response(object.body);
  },
};
