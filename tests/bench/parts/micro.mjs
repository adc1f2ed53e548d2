import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../../src/cli/project.mjs';
import { run } from '../../../src/cli/terminal.mjs';

const RESULTS = join(ROOT, 'target', 'criterion');

/** (8) The rules, natively, by criterion. Its own report is below target/criterion. */
export async function micro({ quick }) {
  // What was measured before under a name that is no more would be taken along.
  rmSync(RESULTS, { recursive: true, force: true });
  const args = ['bench', '--locked', '--bench', 'micro', '--'];
  await run('cargo', [...args, ...(quick ? ['--quick'] : [])], { advice: "The compiler's messages are above." });
  const estimates = readdirSync(RESULTS).map((folder) => join(RESULTS, folder, 'new')).filter((folder) => existsSync(join(folder, 'estimates.json')));
  const json = (folder, file) => JSON.parse(readFileSync(join(folder, file), 'utf8'));
  const rows = estimates.map((folder) => {
    const { point_estimate: median, confidence_interval: interval } = json(folder, 'estimates.json').median;
    return { name: json(folder, 'benchmark.json').title, median, low: interval.lower_bound, high: interval.upper_bound };
  });
  return { rows: rows.sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true })) };
}
