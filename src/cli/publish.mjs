import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { ensureDevVars } from './dev-vars.mjs';
import { ensurePackages } from './packages.mjs';
import { checkPrerequisites } from './prerequisites.mjs';
import { NODE, ROOT, environment } from './project.mjs';
import { publishOptions } from './publish-options.mjs';
import { program } from './terminal.mjs';

/** `npm run publish`: makes ready what it needs, then hands over to the Node that wrangler wants. */
async function publish() {
  // What was mistyped is said before anything is installed.
  if (publishOptions(process.argv.slice(2)) === null) return;
  await checkPrerequisites();
  await ensurePackages();
  ensureDevVars();
  const child = spawn(NODE, ['src/cli/publication.mjs', ...process.argv.slice(2)], {
    cwd: ROOT,
    // npm start's own log of requests is SQLite too: nothing is to be added to it by this.
    env: environment({ WRANGLER_SEND_METRICS: 'false', X_LOCAL_OBSERVABILITY: 'false' }),
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [code] = await once(child, 'close');
  process.exitCode = code ?? 1;
}

await program(import.meta.url, publish);
