import { publish } from '../archives.mjs';
import { median } from '../stats.mjs';
import { archiveOf, sampler, shapeOf } from './downloads.mjs';

const MB = 1;
const ROUNDS = { full: 3, quick: 1 };
/** V8 goes on compiling for some thirty downloads. */
const COPIES = { full: 40, quick: 12 };
/** Alarms ring, and V8 compiles beside the requests. */
const SETTLE_MS = 500;
/**
 * V8 compiles WASM twice: Liftoff when a function is first called, TurboFan when it was called often. The latter works in
 * memory of some 300 bytes for each byte of the function, which the process keeps.
 */
const WITHOUT_TURBOFAN = ['--liftoff-only'];

/** Who is in the runtime beside R2 alone. `bare`: nobody, so that both are R2 alone, and the rest is noise. */
const CASES = {
  bare: { product: false, variants: ['raw'], uses: 'raw' },
  control: { product: false, variants: ['raw', 'control'], uses: 'control', before: (runtime) => runtime.request('control', '/bindings') },
  'rust-zip': { product: false, variants: ['raw', 'rust-zip'], uses: 'rust-zip' },
  ours: { variants: ['raw'], uses: 'ours' },
  'ours without TurboFan': { variants: ['raw'], uses: 'ours', v8Flags: WITHOUT_TURBOFAN },
};

/**
 * (1) Where the memory is that the product takes besides R2 alone. Each case twice, in a process of its own: used is
 * R2 alone, and used is what the case is about. Pages of the runtime's own program that were read in count as resident
 * as well: those are told apart.
 */
export async function memory({ quick, start, say }) {
  const mode = quick ? 'quick' : 'full';
  const archive = archiveOf(MB);
  const seeding = await start({ archives: [archive], variants: ['raw'] });
  await publish(seeding, archive, shapeOf(MB));
  await seeding.close();

  const within = async ({ uses: _, before: __, ...what }, look) => {
    const runtime = await start({ archives: [archive], ...what });
    try {
      return await look(runtime);
    } finally {
      await runtime.close();
    }
  };
  const used = async (runtime, worker, before) => {
    await before?.(runtime);
    const download = sampler(runtime, worker, archive);
    for (let at = 0; at < COPIES[mode]; at++) await download();
    return settled(runtime);
  };
  const rows = [];
  for (const [name, what] of Object.entries(CASES)) {
    say(name);
    const [idle, busy] = [[], []];
    for (let round = 0; round < ROUNDS[mode]; round++) {
      idle.push(await within(what, (runtime) => used(runtime, 'raw')));
      busy.push(await within(what, (runtime) => used(runtime, what.uses, what.before)));
    }
    rows.push({ case: name, rawUsed: middle(idle), used: middle(busy) });
  }
  say('step by step');
  const walks = [];
  for (let round = 0; round < ROUNDS[mode]; round++) walks.push(await within(CASES.ours, (runtime) => walk(runtime, archive, COPIES[mode])));
  const steps = walks[0].map(({ step }, at) => ({ step, ...middle(walks.map((rounds) => rounds[at])) }));
  return { copies: COPIES[mode], rows, steps };
}

/** What a buyer does, one thing after the other. */
async function walk(runtime, archive, copies) {
  const looks = [];
  const look = async (step) => looks.push({ step, ...(await settled(runtime)) });
  await look('started');
  await runtime.request('raw', `/${archive}`);
  await look('R2 alone');
  await runtime.request('ours', '/nowhere');
  await look('the first answer of ours');
  const token = await runtime.link(archive);
  await look('a link: objects, KV');
  await runtime.request('ours', `/download?token=${token}`, { headers: { accept: 'text/html' } });
  await look('the page');
  const lease = await runtime.redeem(token);
  await look('the button');
  await runtime.download('ours', archive, lease);
  await look('a copy');
  const download = sampler(runtime, 'ours', archive);
  for (let at = 0; at < copies; at++) await download();
  await look(`${copies} copies more`);
  return looks;
}

async function settled(runtime) {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  return runtime.meter.memory();
}

const middle = (looks) => Object.fromEntries(['peakBytes', 'programBytes', 'ownBytes'].map((key) => [key, median(looks.map((look) => look[key]))]));
