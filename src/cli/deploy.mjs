import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { ensureDevVars } from './dev-vars.mjs';
import { ensurePackages } from './packages.mjs';
import { checkPrerequisites } from './prerequisites.mjs';
import { NODE, ROOT, environment } from './project.mjs';
import { program } from './terminal.mjs';

/** `npm run deploy`: makes ready what it needs, then hands over to the Node that wrangler wants. */
async function deploy() {
  await checkPrerequisites();
  await ensurePackages();
  ensureDevVars();
  const child = spawn(NODE, ['src/cli/deployment.mjs', ...process.argv.slice(2)], {
    cwd: ROOT,
    env: environment({ WRANGLER_SEND_METRICS: 'false' }),
    stdio: 'inherit',
  });
  const [code] = await once(child, 'close');
  process.exitCode = code ?? 1;
}

await program(import.meta.url, deploy);
