/**
 * Pumps a plan in three ways, by the address: `/sequential/<key>` opens a ranged read for each part when its turn
 * comes, as src/edge/stream.rs does; `/ahead/<key>` opens the next one meanwhile; `/window/<key>` reads the base once,
 * through a window of 1 MiB, and puts the parts of it where they go.
 *
 * The runtime does all of this in one thread, so what counts is work, not what could wait meanwhile: each read and each
 * write copies its bytes once more, and takes some 20 µs to come back into JavaScript. Hence one read and one write for
 * each window, however many parts it has.
 */
const WINDOW_BYTES = 1024 * 1024;

export default {
  async fetch(request, { ARCHIVES }, ctx) {
    const [, pump, key] = new URL(request.url).pathname.split('/');
    const { bytes, segments, base } = await (await ARCHIVES.get(`${key}.plan`)).json();
    const { readable, writable } = new FixedLengthStream(bytes);
    const parts = segments.map((segment) => (typeof segment === 'string' ? Uint8Array.fromBase64(segment) : segment));
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
  const [from, end] = [ranges[0][0], ranges.at(-1)[1]];
  const object = await bucket.get(key, { range: { offset: from, length: end - from } });
  const reader = object.body.getReader({ mode: 'byob' });
  const writer = writable.getWriter();
  let buffer = new ArrayBuffer(WINDOW_BYTES);
  for (const { read, lead, pieces, bytes } of windows(parts, from)) {
    // The buffer goes to the reader, and comes back with what was read.
    if (read > 0) buffer = (await reader.readAtLeast(read, new Uint8Array(buffer, lead, read))).value.buffer;
    if (bytes === 0) continue;
    const view = new Uint8Array(buffer);
    let to = 0;
    for (const piece of pieces) {
      if (Array.isArray(piece)) view.copyWithin(to, lead + piece[0], lead + piece[1]);
      else view.set(piece, to);
      to += lengthOf(piece);
    }
    await writer.write(view.subarray(0, bytes));
  }
  await writer.close();
}

/**
 * What to do, one window after the other: `read` so many bytes of the base to the place `lead`, and put the `pieces`
 * one behind the other, from 0 on: `bytes` in all. A piece is inline, or `[start, end]` of what was read. `lead` is so
 * large that pieces move towards 0 alone: none is overwritten before its turn.
 */
function* windows(parts, from) {
  const opened = (at) => ({ from: at, read: 0, lead: 0, pieces: [], bytes: 0 });
  let window = opened(from);
  for (let part of parts) {
    while (lengthOf(part) > 0) {
      const fits = room(window, part);
      if (fits > 0) {
        part = add(window, part, Math.min(fits, lengthOf(part)));
        continue;
      }
      // A window in which nothing fits yet is before a long stretch that the plan leaves out: it is read over.
      if (window.pieces.length === 0) window.read = Math.min(WINDOW_BYTES, part[0] - window.from);
      yield window;
      window = opened(window.from + window.read);
    }
  }
  yield window;
}

function room({ from, lead, bytes }, part) {
  const free = WINDOW_BYTES - bytes;
  if (!Array.isArray(part)) return free;
  const before = part[0] - from;
  return Math.min(free, WINDOW_BYTES - Math.max(lead, bytes - before) - before);
}

/** Adds the first `length` bytes of the part. @returns the rest */
function add(window, part, length) {
  if (!Array.isArray(part)) {
    window.pieces.push(part.subarray(0, length));
    window.bytes += length;
    return part.subarray(length);
  }
  const before = part[0] - window.from;
  window.lead = Math.max(window.lead, window.bytes - before);
  window.pieces.push([before, before + length]);
  window.read = before + length;
  window.bytes += length;
  return [part[0] + length, part[1]];
}

const lengthOf = (part) => (Array.isArray(part) ? part[1] - part[0] : part.length);
