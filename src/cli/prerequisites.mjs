import { Advice, output } from './terminal.mjs';

const OLDEST_NODE = 20;

const RUSTUP = "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh";
const DEBIAN_COMPILER = 'sudo apt-get install build-essential';
const DEBIAN_OPENSSL = 'sudo apt-get install pkg-config libssl-dev';

/** What can't be installed for the reader: names all that is missing, each with the line that installs it. */
export async function checkPrerequisites() {
  const [cargo, rustup, cc] = await Promise.all([
    output('cargo', ['--version']),
    output('rustup', ['--version']),
    output('cc', ['--version']),
  ]);
  const missing = [];
  const node = Number(process.versions.node.split('.')[0]);
  if (node < OLDEST_NODE) {
    missing.push(`Node ${OLDEST_NODE} or newer (this is ${process.versions.node}): https://nodejs.org/en/download`);
  }
  if (rustup === null) missing.push(`rustup, which installs the pinned Rust: ${RUSTUP}`);
  else if (cargo === null) missing.push('cargo, of the Rust that rust-toolchain.toml pins: rustup toolchain install');
  if (cc === null) {
    const line = process.platform === 'darwin' ? 'xcode-select --install' : `${DEBIAN_COMPILER} (Debian, Ubuntu)`;
    missing.push(`a C compiler, which Rust links with: ${line}`);
  }
  report(missing);
}

/** worker-build links OpenSSL on Linux, though it needs it only for downloads that are not used here. */
export async function checkOpenssl() {
  if (process.platform !== 'linux') return;
  if ((await output('pkg-config', ['--exists', 'openssl'])) !== null) return;
  report([`OpenSSL's headers, to compile worker-build: ${DEBIAN_OPENSSL} (Debian, Ubuntu)`]);
}

/** @param {string[]} missing */
function report(missing) {
  if (missing.length === 0) return;
  throw new Advice(['something is missing. Install it and run this again:', ...missing].join('\n  - '));
}
