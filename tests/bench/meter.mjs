import { readFileSync, readdirSync, writeFileSync } from 'node:fs';

const NS = 1e9;
/** What resets VmHWM, the peak of resident memory: proc(5), /proc/pid/clear_refs. */
const RESET_PEAK = '5';

/** CPU and memory of a runtime's processes. Linux alone. */
export class Meter {
  #pids;

  /** @param {number[]} pids */
  constructor(pids) {
    this.#pids = pids;
  }

  /** Begins: CPU and peak count from here. */
  start() {
    for (const pid of this.#pids) writeFileSync(`/proc/${pid}/clear_refs`, RESET_PEAK);
    this.cpu = this.#cpuSeconds();
    this.residentBytes = this.#sum('VmRSS');
  }

  /** @returns {{ cpuSeconds: number, peakBytes: number, grownBytes: number }} since `start` */
  stop() {
    const peakBytes = this.#sum('VmHWM');
    return { cpuSeconds: this.#cpuSeconds() - this.cpu, peakBytes, grownBytes: peakBytes - this.residentBytes };
  }

  /**
   * What is resident now, and the most that ever was since the start.
   * @returns {{ peakBytes: number, programBytes: number, ownBytes: number }} `programBytes`: mapped files, which is the
   * runtime's program; `ownBytes`: the rest
   */
  memory() {
    return { peakBytes: this.#sum('VmHWM'), programBytes: this.#sum('RssFile'), ownBytes: this.#sum('RssAnon') };
  }

  /** To the nanosecond: the ticks of /proc/pid/stat are 10 ms. A thread that ended takes its time along. */
  #cpuSeconds() {
    const ofThread = (path) => {
      try {
        return Number(readFileSync(path, 'utf8').split(' ')[0]) / NS;
      } catch (error) {
        if (['ENOENT', 'ESRCH'].includes(error.code)) return 0;
        throw error;
      }
    };
    const threads = this.#pids.flatMap((pid) => readdirSync(`/proc/${pid}/task`).map((tid) => `/proc/${pid}/task/${tid}/schedstat`));
    return threads.reduce((sum, path) => sum + ofThread(path), 0);
  }

  #sum(field) {
    const kibibytes = (pid) => Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(new RegExp(`^${field}:\\s+(\\d+)`, 'm'))[1]);
    return this.#pids.reduce((sum, pid) => sum + kibibytes(pid) * 1024, 0);
  }
}
