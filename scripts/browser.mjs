// Browsers for the browser tests and benches: the one that a variable names, or the system's, or
// Debian's.

import { Failure } from './failure.mjs';
import { findCommand, isProgram } from './host.mjs';
import { ensurePackages } from './system-packages.mjs';

const CHROMIUM = {
  variable: 'CHROMIUM_PATH',
  purpose: 'The browser tests',
  called: 'Chromium',
  otherwise: 'install Chromium or Chrome, or set CHROMIUM_PATH to one',
  commands: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'],
  apps: [
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
  ],
  debian: 'chromium',
};

const FIREFOX = {
  variable: 'FIREFOX_PATH',
  purpose: 'The bench with two browsers',
  called: 'Firefox',
  otherwise: 'install Firefox, or set FIREFOX_PATH to one',
  commands: ['firefox-esr', 'firefox'],
  apps: ['/Applications/Firefox.app/Contents/MacOS/firefox'],
  debian: 'firefox-esr',
};

/** The path of a Chromium. */
export const ensureBrowser = () => ensure(CHROMIUM);

/** The path of a Firefox. */
export const ensureFirefox = () => ensure(FIREFOX);

async function ensure({ variable, purpose, called, otherwise, commands, apps, debian }) {
  const given = process.env[variable];
  if (given) {
    if (isProgram(given)) return given;
    throw new Failure(`${variable}=${given} is not a program`, `unset ${variable}`);
  }
  const find = () => commands.map(findCommand).find(Boolean) ?? apps.find(isProgram);
  if (!find()) await ensurePackages({ purpose, missing: [debian], otherwise });
  const found = find();
  if (!found) throw new Failure(`No ${called} was found`, otherwise);
  return found;
}
