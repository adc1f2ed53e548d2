/**
 * Pumps a plan in three ways, by the address: `/sequential/<key>` opens a ranged read for each part when its turn
 * comes, as src/edge/stream.rs does; `/ahead/<key>` opens the next one meanwhile; `/window/<key>` reads the base once,
 * through a window of 1 MiB, and puts the parts of it where they go.
 */
const WINDOW_BYTES = 1024 * 1024;

export default {
  async fetch(request, { ARCHIVES }, ctx) {
    const [, pump, key] = new URL(request.url).pathname.split('/');
    const { bytes, segments, base } = await (await ARCHIVES.get(`${key}.plan`)).json();
    const { readable, writable } = new FixedLengthStream(bytes);
    const parts = segments.map((segment) => (typeof segment === 'string' ? Uint8Array.from(atob(segment), (sign) => sign.charCodeAt(0)) : segment));
    ctx.waitUntil(PUMPS[pump](ARCHIVES, base, parts, writable));
    return new Response(readable);
  },
};

const PUMPS = { sequential: (...args) => ranged(0, ...args), ahead: (...args) => ranged(1, ...args), window };

async function ranged(ahead, bucket, key, parts, writable) {
  const open = ([offset, end]) => bucket.get(key, { range: { offset, length: end - offset } });
  const opened = new Map();
  const ranges = parts.flatMap((part, at) => (Array.isArray(part) ? [at] : []));
  for (const [at, part] of parts.entries()) {
    if (!Array.isArray(part)) {
      await write(writable, part);
      continue;
    }
    const turn = ranges.indexOf(at);
    for (const next of ranges.slice(turn, turn + ahead + 1)) {
      if (!opened.has(next)) opened.set(next, open(parts[next]));
    }
    const object = await opened.get(at);
    opened.delete(at);
    await object.body.pipeTo(writable, { preventClose: true });
  }
  await writable.getWriter().close();
}

async function write(writable, bytes) {
  const writer = writable.getWriter();
  await writer.write(bytes);
  writer.releaseLock();
}

/** For plans whose ranges follow one another, which those of insertions do. */
async function window(bucket, key, parts, writable) {
  const ranges = parts.filter(Array.isArray);
  const [from, to] = [ranges[0][0], ranges.at(-1)[1]];
  const object = await bucket.get(key, { range: { offset: from, length: to - from } });
  const reader = object.body.getReader({ mode: 'byob' });
  const writer = writable.getWriter();
  let buffer = new ArrayBuffer(WINDOW_BYTES);
  let at = from;
  const take = async (length) => {
    const { value } = await reader.readAtLeast(length, new Uint8Array(buffer, 0, length));
    at += length;
    return value;
  };
  for (const part of parts) {
    if (!Array.isArray(part)) {
      await writer.write(part);
      continue;
    }
    // What the plan leaves out between two ranges is read over.
    while (at < part[0]) buffer = (await take(Math.min(WINDOW_BYTES, part[0] - at))).buffer;
    while (at < part[1]) {
      const value = await take(Math.min(WINDOW_BYTES, part[1] - at));
      await writer.write(value);
      buffer = value.buffer;
    }
  }
  await writer.close();
}
