/** The local R2 for `npm run publish`: one object, read or written. Never deployed. */
export default {
  async fetch(request, { BUCKET }) {
    const { searchParams } = new URL(request.url);
    const key = searchParams.get('key');
    if (request.method === 'PUT') {
      try {
        const { etag } = await BUCKET.put(key, request.body, { md5: searchParams.get('md5') });
        return Response.json({ etag });
      } catch (error) {
        return Response.json({ error: String(error) }, { status: 500 });
      }
    }
    const object = await BUCKET.get(key);
    return new Response(object?.body, { status: object ? 200 : 404 });
  },
};
