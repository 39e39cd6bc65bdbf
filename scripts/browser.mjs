// Browsers for the browser tests and benches: the one that an environment variable names, else the
// one on the system, else Debian's package.

import { findCommand, isProgram } from './host.mjs';
import { Failure } from './output.mjs';
import { ensurePackages } from './system-packages.mjs';

const CHROMIUM = {
  variable: 'CHROMIUM_PATH',
  purpose: 'The browser tests',
  title: 'Chromium',
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
  title: 'Firefox',
  otherwise: 'install Firefox, or set FIREFOX_PATH to one',
  commands: ['firefox-esr', 'firefox'],
  apps: ['/Applications/Firefox.app/Contents/MacOS/firefox'],
  debian: 'firefox-esr',
};

/** The path of a Chromium. */
export const ensureBrowser = () => ensure(CHROMIUM);

/** The path of a Firefox. */
export const ensureFirefox = () => ensure(FIREFOX);

async function ensure({ variable, purpose, title, otherwise, commands, apps, debian }) {
  const given = process.env[variable];
  if (given) {
    if (isProgram(given)) return given;
    throw new Failure(`${variable}=${given} is not a program`, `unset ${variable}`);
  }
  const find = () => commands.map(findCommand).find(Boolean) ?? apps.find(isProgram);
  if (!find()) await ensurePackages({ purpose, missing: [debian], otherwise });
  const found = find();
  if (!found) throw new Failure(`No ${title} was found`, otherwise);
  return found;
}
