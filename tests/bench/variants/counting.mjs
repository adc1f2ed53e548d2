/** Ours, with every operation on a binding counted on its way. `GET /operations` tells, and begins anew. */
import Ours, { Order as OursOrder } from './index.js';

export * from './index.js';

let counts = {};
let cursors = [];
const count = (what) => (counts[what] = (counts[what] ?? 0) + 1);

/** Method to the name of what it costs, by the binding's class: Cloudflare's words for what it bills. */
const BILLED = {
  R2Bucket: { get: 'R2 class B', head: 'R2 class B', put: 'R2 class A', list: 'R2 class A' },
  KvNamespace: { get: 'KV read', getWithMetadata: 'KV read', put: 'KV write', delete: 'KV delete', list: 'KV list' },
  DurableObjectNamespace: {},
};

/** The object itself, but for the methods that `instead` knows. */
function counted(target, instead) {
  return new Proxy(target, {
    get(_, name) {
      const value = Reflect.get(target, name, target);
      if (instead[name]) return instead[name](value);
      // The runtime's methods take no proxy for `this`.
      return typeof value === 'function' && name !== 'constructor' ? value.bind(target) : value;
    },
  });
}

function countedEnv(env) {
  return counted(env, Object.fromEntries(Object.keys(env).filter((name) => BILLED[env[name]?.constructor?.name]).map((name) => [name, countedBinding])));
}

function countedBinding(binding) {
  const called = (what) => (method) => (...args) => {
    count(what);
    return method.apply(binding, args);
  };
  const billed = Object.entries(BILLED[binding.constructor.name]).map(([name, what]) => [name, called(what)]);
  const stub = (method) => (...args) => {
    const real = method.apply(binding, args);
    return counted(real, { fetch: (fetch) => (...request) => (count('object request'), fetch.apply(real, request)) });
  };
  return counted(binding, { ...Object.fromEntries(billed), get: binding.constructor.name === 'DurableObjectNamespace' ? stub : Object.fromEntries(billed).get, getByName: stub });
}

export class Order extends OursOrder {
  constructor(state, env) {
    super(countedState(state), countedEnv(env));
  }

  alarm(...args) {
    count('object request');
    return super.alarm(...args);
  }
}

function countedState(state) {
  const sql = (real) =>
    counted(real, {
      exec: (exec) => (...args) => {
        const cursor = exec.apply(real, args);
        cursors.push(cursor);
        return cursor;
      },
    });
  const storage = (real) =>
    counted(real, {
      sql,
      // Billed as a row written.
      setAlarm: (set) => (...args) => (count('row written'), set.apply(real, args)),
      deleteAlarm: (remove) => (...args) => (count('row written'), remove.apply(real, args)),
    });
  return counted(state, { storage });
}

export default class extends Ours {
  constructor(ctx, env) {
    super(ctx, countedEnv(env));
  }

  async fetch(request) {
    if (new URL(request.url).pathname === '/operations') return Response.json(told());
    count('request');
    return super.fetch(request);
  }
}

function told() {
  const sum = (field) => cursors.reduce((total, cursor) => total + cursor[field], 0);
  const all = { ...counts, 'row read': sum('rowsRead'), 'row written': (counts['row written'] ?? 0) + sum('rowsWritten') };
  [counts, cursors] = [{}, []];
  return all;
}
