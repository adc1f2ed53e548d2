import { readFileSync, readdirSync } from 'node:fs';

const RUNTIME = 'workerd';
const SAMPLE_MS = 20;

/**
 * Watches the resident memory of the runtimes that this process started.
 * @returns {{ before: number, stop: () => number }} both in bytes; `stop` gives the peak
 */
export function watchedMemory() {
  const pids = runtimes();
  const now = () => pids.reduce((sum, pid) => sum + residentBytes(pid), 0);
  const before = now();
  let peak = before;
  const timer = setInterval(() => (peak = Math.max(peak, now())), SAMPLE_MS);
  return {
    before,
    stop() {
      clearInterval(timer);
      return peak;
    },
  };
}

/** The runtimes that this process started, by process id. */
export function runtimes() {
  return descendants(process.pid).filter((pid) => status(pid, 'Name') === RUNTIME);
}

/** @param {number} pid */
function residentBytes(pid) {
  return Number.parseInt(status(pid, 'VmRSS') ?? '0', 10) * 1024;
}

/**
 * @param {number} ancestor
 * @returns {number[]}
 */
function descendants(ancestor) {
  const children = Map.groupBy(processes(), ({ parent }) => parent);
  const below = (pid) => (children.get(pid) ?? []).flatMap((child) => [child.pid, ...below(child.pid)]);
  return below(ancestor);
}

function processes() {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map((name) => ({ pid: Number(name), parent: Number(status(Number(name), 'PPid')) }));
}

/**
 * A line of /proc/<pid>/status; null if the process has ended.
 * @param {number} pid
 * @param {string} field
 */
function status(pid, field) {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8').match(new RegExp(`^${field}:\\s+(\\S+)`, 'm'))?.[1] ?? null;
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(error.code)) return null;
    throw error;
  }
}
