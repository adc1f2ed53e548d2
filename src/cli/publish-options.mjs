import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { DEFAULT_STATE, ROOT } from './project.mjs';
import { Advice } from './terminal.mjs';

const HELP = `npm run publish -- <product> <archive.zip> [--license FILE] [--readme FILE] [--remote] [--state FOLDER]

Checks an archive and the texts that go into it, and puts them where the Worker reads them. If anything is
wrong, all of it is said and nothing is uploaded.

  <product>       an id in PRODUCTS, in wrangler.toml
  --license FILE  the product's own LICENSE.txt, --readme FILE its own README.txt; templates/README.md tells
                  how they are written. Without them, what the product has stays.
  --remote        to Cloudflare; otherwise for npm start on this machine
  --state FOLDER  the local state, as in npm start -- --state FOLDER. Default: ${DEFAULT_STATE}

npm start may keep running. The local state is SQLite with one file per object: the service reads the old
archive until the new one is whole. A publication that finds the state busy waits and tries again.`;

const USAGE = 'Try: npm run publish -- --help';

/**
 * What was asked for, or null if only for help.
 * @param {string[]} args
 */
export function publishOptions(args) {
  const { values, positionals } = parsed(args);
  if (values.help) {
    console.log(HELP);
    return null;
  }
  const [product, archive, ...more] = positionals;
  if (!product || !archive) throw new Advice(`name a product and an archive. ${USAGE}`);
  if (more.length > 0) throw new Advice(`${more.join(' ')}: what is this for? ${USAGE}`);
  if (values.remote && values.state) throw new Advice('--remote has no --state: leave one of them out.');
  return {
    product,
    archive: asked(archive),
    own: { 'LICENSE.txt': asked(values.license), 'README.txt': asked(values.readme) },
    remote: values.remote === true,
    state: resolve(ROOT, values.state ?? DEFAULT_STATE),
  };
}

/** @param {string[]} args */
function parsed(args) {
  const text = { type: 'string' };
  const flag = { type: 'boolean' };
  const options = { license: text, readme: text, state: text, remote: flag, help: { ...flag, short: 'h' } };
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    throw new Advice(`${error.message}. ${USAGE}`);
  }
}

/** A path as it was meant: npm changes to the top folder, and says where it was called. */
function asked(path) {
  return path && resolve(process.env.INIT_CWD ?? process.cwd(), path);
}
