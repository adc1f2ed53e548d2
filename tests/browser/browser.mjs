import { accessSync, constants } from 'node:fs';
import { chromium } from 'playwright-core';

/** Of the system: Playwright's own download is another host to depend on. */
const EXECUTABLE = process.env.CHROMIUM || '/usr/bin/chromium';

const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Starts a Chromium without a window. */
export async function openBrowser() {
  try {
    accessSync(EXECUTABLE, constants.X_OK);
  } catch {
    throw new Error(`no Chromium at ${EXECUTABLE}: sudo apt-get install chromium, or set CHROMIUM to its path`);
  }
  return chromium.launch({ executablePath: EXECUTABLE, args: ARGS });
}
