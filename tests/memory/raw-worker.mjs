/** What the service is measured against: R2's bytes to the client, and nothing else. */
export default {
  async fetch(request, { ARCHIVES }) {
    const object = await ARCHIVES.get(new URL(request.url).pathname.slice(1));
    if (!object) return new Response('no such archive', { status: 404 });
    const { readable, writable } = new FixedLengthStream(object.size);
    object.body.pipeTo(writable);
    return new Response(readable);
  },
};
