import { accessSync, constants } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
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
  assertThere();
  return chromium.launch({ executablePath: EXECUTABLE, args: ARGS });
}

/**
 * Starts a Chromium with a profile of its own, in which somebody has changed settings.
 * @param {string} folder an empty one
 * @param {object} preferences as in a profile's file `Preferences`
 */
export async function openProfile(folder, preferences) {
  assertThere();
  await mkdir(join(folder, 'Default'), { recursive: true });
  await writeFile(join(folder, 'Default', 'Preferences'), JSON.stringify(preferences));
  return chromium.launchPersistentContext(folder, { executablePath: EXECUTABLE, args: ARGS });
}

/**
 * What a context asks of anybody but the shop, as it happens.
 * @param {import('playwright-core').BrowserContext} context
 * @param {string} origin
 * @returns {string[]}
 */
export function askedElsewhere(context, origin) {
  const elsewhere = [];
  context.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(`${origin}/`) && !url.startsWith('about:')) elsewhere.push(url);
  });
  return elsewhere;
}

function assertThere() {
  try {
    accessSync(EXECUTABLE, constants.X_OK);
  } catch {
    throw new Error(`no Chromium at ${EXECUTABLE}: sudo apt-get install chromium, or set CHROMIUM to its path`);
  }
}
