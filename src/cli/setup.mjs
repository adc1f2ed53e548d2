import { ensureDevVars } from './dev-vars.mjs';
import { ensurePackages } from './packages.mjs';
import { checkPrerequisites } from './prerequisites.mjs';
import { program } from './terminal.mjs';
import { ensureTools, ensureWasmTarget } from './tools.mjs';

/**
 * Makes ready what building and running need; what is ready is skipped.
 * @returns the variables that name the build tools
 */
export async function setUp() {
  await checkPrerequisites();
  await ensurePackages();
  ensureDevVars();
  await ensureWasmTarget();
  return ensureTools();
}

await program(import.meta.url, setUp);
