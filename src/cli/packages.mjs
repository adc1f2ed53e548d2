import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { NODE, ROOT } from './project.mjs';
import { run, step } from './terminal.mjs';

/** Installs the npm packages unless what is installed is what package-lock.json pins. */
export async function ensurePackages() {
  if (packagesInstalled()) return;
  await step('Installing the npm packages', '10–60 s', () =>
    run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
      advice: 'Is the npm registry reachable? Then run it again.',
    }),
  );
}

function packagesInstalled() {
  const installed = join(ROOT, 'node_modules', '.package-lock.json');
  // NODE is made by an install script, which --ignore-scripts leaves out.
  if (!existsSync(installed) || !existsSync(NODE)) return false;
  const have = JSON.parse(readFileSync(installed, 'utf8')).packages;
  const want = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages;
  // Optional packages are the other platforms' binaries.
  return Object.entries(want).every(
    ([path, { version, optional }]) => path === '' || optional || have[path]?.version === version,
  );
}
