import { spawnSync } from 'node:child_process';

const known = new Map();

/**
 * Whether a program that a test wants is on this machine. On a developer's it may be absent, which is said
 * loudly; in CI its absence is a failure, so that nothing is left out unseen.
 * @param {string} command
 * @returns {boolean}
 */
export function present(command) {
  if (!known.has(command)) {
    known.set(command, spawnSync(command, ['--help'], { stdio: 'ignore' }).error?.code !== 'ENOENT');
  }
  if (known.get(command)) return true;
  if (process.env.CI) throw new Error(`${command} is not on this machine; .ci/run installs it`);
  console.error(`NOT CHECKED with ${command}: it is not on this machine; .ci/run installs it`);
  return false;
}
