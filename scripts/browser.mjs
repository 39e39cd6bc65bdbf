// A Chromium for the browser tests: CHROMIUM_PATH, or the system's, or Debian's.

import { Failure } from './failure.mjs';
import { findCommand, isProgram } from './host.mjs';
import { ensurePackages } from './system-packages.mjs';

const COMMANDS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const APPS = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

const find = () => COMMANDS.map(findCommand).find(Boolean) ?? APPS.find(isProgram);

/** The path of a Chromium. */
export async function ensureBrowser() {
  const given = process.env.CHROMIUM_PATH;
  if (given) {
    if (isProgram(given)) return given;
    throw new Failure(`CHROMIUM_PATH=${given} is not a program`, 'unset CHROMIUM_PATH');
  }
  const otherwise = 'install Chromium or Chrome, or set CHROMIUM_PATH to one';
  if (!find()) {
    await ensurePackages({ purpose: 'The browser tests', missing: ['chromium'], otherwise });
  }
  const found = find();
  if (!found) throw new Failure('No Chromium was found', otherwise);
  return found;
}
