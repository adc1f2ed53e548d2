import { build } from './build.mjs';
import { NODE } from './project.mjs';
import { program, run, say } from './terminal.mjs';

/** `npm test`: the rules natively, then the stories against the built Worker in the real runtime. */
async function test() {
  // Built first: it sets up what is missing, and what does not compile need not be tested.
  await build();
  say('Testing the rules, natively …');
  await run('cargo', ['test', '--locked'], { env: { CARGO_TERM_QUIET: 'false' }, advice: 'The failed tests are above.' });
  say('Testing the stories, in the real runtime …');
  await run(NODE, ['--test', '--test-reporter=spec', 'tests/e2e/*.story.mjs'], { advice: 'The failed stories are above.' });
}

await program(import.meta.url, test);
