/**
 * A bare script that uses once each kind of binding that the product uses: KV, the rate limit, an object with SQLite,
 * R2. What it takes besides R2 alone is the local runtime's own: its stand-ins for the platform's services.
 */
import { DurableObject } from 'cloudflare:workers';

export class Counter extends DurableObject {
  constructor(state, env) {
    super(state, env);
    this.sql = state.storage.sql;
    this.sql.exec('CREATE TABLE IF NOT EXISTS counter (id INTEGER PRIMARY KEY, count INTEGER NOT NULL)');
  }

  async fetch() {
    await this.ctx.storage.setAlarm(Date.now());
    return Response.json(this.sql.exec('INSERT INTO counter (count) VALUES (1) RETURNING count').one());
  }

  alarm() {}
}

export default {
  async fetch(request, { ARCHIVES, COUNTERS, LINKS, RECOVER_LIMIT }) {
    const { pathname } = new URL(request.url);
    if (pathname !== '/bindings') return new Response((await ARCHIVES.get(pathname.slice(1))).body);
    await LINKS.put('control', 'a value');
    await LINKS.get('control');
    await RECOVER_LIMIT.limit({ key: 'control' });
    return COUNTERS.getByName('control').fetch('https://counter/');
  },
};
