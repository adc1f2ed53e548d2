/**
 * R2's body through one native pipe, and nothing else: what any copy takes that has bytes of its own behind the
 * archive's. Beside R2 alone it shows what of a copy's cost is the pipe's.
 */
export default {
  async fetch(request, { ARCHIVES }, ctx) {
    const object = await ARCHIVES.get(new URL(request.url).pathname.slice(1));
    const { readable, writable } = new FixedLengthStream(object.size);
    ctx.waitUntil(object.body.pipeTo(writable));
    return new Response(readable);
  },
};
