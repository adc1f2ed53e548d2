import { once } from 'node:events';
import { createServer } from 'node:http';

const ACCOUNT = '0123456789abcdef0123456789abcdef';

/** Cloudflare's API as far as wrangler asks it when it deploys: an account with nothing in it but these secrets. */
export async function openCloudflare({ secrets = null } = {}) {
  const requests = [];
  const buckets = [];
  const namespaces = [];
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const { pathname } = new URL(request.url, 'http://cloudflare');
    const asked = `${request.method} ${pathname.replace(ACCOUNT, '<account>')}`;
    const body = Buffer.concat(chunks);
    requests.push({ asked, body: body.length < 10_000 ? body.toString() : `${body.length} bytes` });
    const { status = 200, result = null, errors = [] } = answer(asked, body) ?? {};
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ success: errors.length === 0, errors, messages: [], result }));
  });

  function answer(asked, body) {
    const noWorker = { status: 404, errors: [{ code: 10007, message: 'This Worker does not exist on your account.' }] };
    switch (asked) {
      case 'GET /user/tokens/verify':
        return { result: { id: 'token', status: 'active' } };
      case 'GET /user':
        return { result: { id: 'user', email: 'operator@paperstreet.example' } };
      case 'GET /memberships':
        return { result: [{ id: 'm', account: { id: ACCOUNT, name: 'Paper Street' } }] };
      case 'GET /accounts':
        return { result: [{ id: ACCOUNT, name: 'Paper Street' }] };
      case 'GET /accounts/<account>/workers/scripts/bookplate/secrets':
        return secrets ? { result: secrets.map((name) => ({ name, type: 'secret_text' })) } : noWorker;
      case 'GET /accounts/<account>/storage/kv/namespaces':
        return { result: namespaces };
      case 'POST /accounts/<account>/storage/kv/namespaces':
        namespaces.push({ id: 'f'.repeat(32), title: JSON.parse(body).title });
        return { result: namespaces.at(-1) };
      case 'GET /accounts/<account>/r2/buckets':
        return { result: { buckets } };
      case 'POST /accounts/<account>/r2/buckets':
        buckets.push({ name: JSON.parse(body).name });
        return { result: buckets.at(-1) };
      case 'GET /accounts/<account>/workers/workers/bookplate':
        return { result: { id: 'bookplate', name: 'bookplate', subdomain: { enabled: true, previews_enabled: false } } };
      case 'GET /accounts/<account>/workers/subdomain':
        return { result: { subdomain: 'paperstreet' } };
      case 'PUT /accounts/<account>/workers/scripts/bookplate':
        return { result: { id: 'bookplate', startup_time_ms: 1, deployment_id: 'd', available_on_subdomain: true } };
      default:
        if (asked.startsWith('GET /accounts/<account>/r2/buckets/')) {
          return { status: 404, errors: [{ code: 10006, message: 'The specified bucket does not exist.' }] };
        }
        if (/^GET .*\/workers\/(scripts|services)\/bookplate/.test(asked)) return noWorker;
        return asked.startsWith('GET') ? { result: [] } : { result: { enabled: true, previews_enabled: false } };
    }
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    requests,
    buckets,
    namespaces,
    environment: {
      CLOUDFLARE_API_BASE_URL: `http://127.0.0.1:${server.address().port}`,
      CLOUDFLARE_API_TOKEN: 'fake',
      CLOUDFLARE_ACCOUNT_ID: ACCOUNT,
    },
    close: () => new Promise((closed) => (server.closeAllConnections(), server.close(closed))),
  };
}
