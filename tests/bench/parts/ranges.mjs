import { publish } from '../archives.mjs';
import { interleaved, pairedRatios, spread } from '../stats.mjs';
import { archiveOf, sampler, shapeOf } from './downloads.mjs';

const MB = { full: 2000, quick: 20 };
const ROUNDS = { full: 5, quick: 3 };
const RESUMED_AT = 0.9;

/** (4) The last tenth of a download, against the same tenth of R2 alone, and against the whole. */
export async function ranges({ quick, start }) {
  const mode = quick ? 'quick' : 'full';
  const archive = archiveOf(MB[mode]);
  const runtime = await start({ archives: [archive], variants: ['raw'] });
  try {
    const bytes = await publish(runtime, archive, shapeOf(MB[mode]));
    const headers = { range: `bytes=${Math.floor(bytes * RESUMED_AT)}-` };
    const tasks = {
      whole: sampler(runtime, 'ours', archive),
      resumed: sampler(runtime, 'ours', archive, { headers }),
      rawResumed: sampler(runtime, 'raw', archive, { headers }),
    };
    for (const task of Object.values(tasks)) await task();
    const { whole, resumed, rawResumed } = await interleaved(tasks, ROUNDS[mode]);
    const of = (list, key) => list.map((sample) => sample[key]);
    return {
      mb: MB[mode],
      share: resumed[0].bytes / whole[0].bytes,
      secondsToWhole: pairedRatios(of(resumed, 'seconds'), of(whole, 'seconds')),
      cpuToWhole: pairedRatios(of(resumed, 'cpuSeconds'), of(whole, 'cpuSeconds')),
      cpuToRawResumed: pairedRatios(of(resumed, 'cpuSeconds'), of(rawResumed, 'cpuSeconds')),
      firstByteMs: { whole: spread(of(whole, 'firstByteMs')), resumed: spread(of(resumed, 'firstByteMs')) },
    };
  } finally {
    await runtime.close();
  }
}
