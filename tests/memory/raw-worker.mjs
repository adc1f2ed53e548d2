/**
 * The neighbour: takes archives in, in one piece, and sends them out as R2 gives them, which is what the
 * service is measured against.
 */
export default {
  async fetch(request, { ARCHIVES }) {
    const key = new URL(request.url).pathname.slice(1);
    if (request.method === 'PUT') {
      const { readable, writable } = new FixedLengthStream(Number(request.headers.get('x-length')));
      await Promise.all([request.body.pipeTo(writable), ARCHIVES.put(key, readable)]);
      return new Response(null, { status: 204 });
    }
    const object = await ARCHIVES.get(key);
    if (!object) return new Response('no such archive', { status: 404 });
    const { readable, writable } = new FixedLengthStream(object.size);
    object.body.pipeTo(writable);
    return new Response(readable);
  },
};
