import { Advice, captured, run, step } from './terminal.mjs';

const PROGRAM = ['--release', '--locked', '--bin', 'preflight'];

/**
 * Checks an archive and its texts with the Worker's own rules, compiled for this machine.
 * @param {object} what
 * @param {string} what.archive
 * @param {string} what.product its id
 * @param {Record<string, unknown>} what.vars the settings
 * @param {boolean} what.remote
 * @param {Record<string, string | undefined>} what.texts files by the name that they will have in the archive
 * @param {(said: string) => string} what.shown what it said, with files called as the reader knows them
 * @returns {Promise<string>} how many entries the archive has, and its top folder
 */
export async function preflight({ archive, product, vars, remote, texts, shown }) {
  await step('Building the checks', '1–2 min at first, a second when nothing changed', () =>
    run('cargo', ['build', ...PROGRAM], { advice: "The compiler's messages are above." }),
  );
  const args = [archive, '--settings', JSON.stringify(vars), '--product', product];
  if (remote) args.push('--production');
  if (texts['LICENSE.txt']) args.push('--license', texts['LICENSE.txt']);
  if (texts['README.txt']) args.push('--readme', texts['README.txt']);
  const { code, stdout, stderr } = await step('Checking every entry, and the texts', '5 s per GB', () =>
    captured('cargo', ['run', '--quiet', ...PROGRAM, '--', ...args]),
  );
  const said = shown(stdout.trim());
  if (code === 0) {
    const lines = said.split('\n');
    const facts = lines.pop().replace('archive ok: ', '');
    lines.filter(Boolean).forEach((line) => console.log(line));
    return facts;
  }
  if (code === 1) throw new Advice(`it can't be sold like this. Nothing was uploaded.\n${said}`);
  throw new Advice(`it could not be checked. Nothing was uploaded.\n${said}\n${shown(stderr.trim())}`);
}
