import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ROOT } from '../../src/cli/project.mjs';
import { freePort } from './port.mjs';
import { drain } from './shop.mjs';
import { filesIn } from './zip.mjs';

const WITHIN_MS = 120_000;

describe('a newcomer starts it', () => {
  it('npm start ends with a working link, and Ctrl-C with nothing left behind', { timeout: WITHIN_MS }, async () => {
    const state = await mkdtemp(join(tmpdir(), 'bookplate-'));
    const port = await freePort();
    const service = startedService(port, state);
    try {
      const link = (await service.says(/Its link: +(\S+)/))[1];
      const origin = `http://127.0.0.1:${port}`;
      for (const path of ['/dev', '/dev/outbox', '/healthz']) {
        await service.says(new RegExp(`${origin}${path}\\n`));
        assert.equal((await fetch(origin + path)).status, 200, path);
      }

      const page = await fetch(link);
      const cookie = page.headers.getSetCookie()[0].split(';')[0];
      const body = new URLSearchParams({ token: new URL(link).searchParams.get('token') });
      const redeemed = await fetch(`${origin}/download`, { method: 'POST', headers: { cookie }, body, redirect: 'manual' });
      const address = new URL(redeemed.headers.get('location'), origin);
      const files = await filesIn(await drain(await fetch(address, { headers: { cookie } })));
      assert.ok([...files.keys()].some((path) => path.endsWith('/LICENSE.txt')), [...files.keys()].join());

      const taken = startedService(port, state);
      assert.notEqual(await taken.exitCode, 0);
      assert.match(taken.said(), new RegExp(`port ${port} is taken`));
    } finally {
      service.interrupt();
      await service.exitCode;
      await rm(state, { recursive: true });
    }
    assert.equal(await freePort(port), port, 'nothing listens any more');
    assert.doesNotMatch(service.said(), /ended by itself|at file:/);
    assert.equal(service.said().split('token=').length, 2, 'the link is shown once, and requests without their query');
  });
});

/** `npm start` without a terminal, as under a service manager. */
function startedService(port, state) {
  const child = spawn('npm', ['start', '--', '--port', String(port), '--state', state], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
  const exitCode = once(child, 'close').then(([code, signal]) => code ?? signal);
  return {
    exitCode,
    said: () => said,
    /** Waits until it has said this. */
    async says(pattern) {
      for (;;) {
        const found = said.match(pattern);
        if (found) return found;
        const ended = await Promise.race([exitCode, once(child.stdout, 'data').then(() => null)]);
        if (ended !== null) throw new Error(`npm start ended (${ended}) and never said ${pattern}:\n${said}`);
      }
    },
    /** Ctrl-C: a terminal signals all processes of the group. */
    interrupt: () => process.kill(-child.pid, 'SIGINT'),
  };
}
