// What the set-up prints, all of it on stderr: the progress of each step, and failures.

import { bar, clock } from './plan.mjs';

const out = process.stderr;

export function say(line) {
  out.write(`${line}\n`);
}

/**
 * Runs one step and shows its title and duration. A terminal gets one line that is redrawn; a log
 * gets plain lines, one for each tenth of a long step. `work(update)` may report its progress with
 * update({ share: 0 to 1, note }), or update({ instead }) if it ends well without doing what the
 * title says.
 */
export async function step(title, work) {
  const started = performance.now();
  const seconds = () => (performance.now() - started) / 1000;
  let state = { share: undefined, note: '' };
  let tenth = 0;

  const draw = () => {
    const meter = state.share === undefined ? '' : ` ${bar(state.share)}`;
    out.write(`\r\x1b[K… ${title}${meter} ${clock(seconds())} ${state.note}`.slice(0, out.columns));
  };
  const update = (next) => {
    if (!next) return;
    state = next;
    if (out.isTTY) return;
    const reached = Math.floor((state.share ?? 0) * 10);
    if (reached > tenth && reached < 10) {
      out.write(`  ${title} ${bar(state.share)} ${clock(seconds())} ${state.note}\n`);
    }
    tenth = Math.max(tenth, reached);
  };
  const end = (line) => out.write(`${out.isTTY ? '\r\x1b[K' : ''}${line} (${clock(seconds())})\n`);

  if (!out.isTTY) out.write(`… ${title}\n`);
  const timer = out.isTTY ? setInterval(draw, 200) : undefined;
  try {
    const result = await work(update);
    end(state.instead ? `– ${title}: ${state.instead}` : `✓ ${title}`);
    return result;
  } catch (error) {
    end(`✗ ${title}`);
    throw error;
  } finally {
    clearInterval(timer);
  }
}

/** Something that the set-up cannot do. It is printed as one line, with the command that fixes it. */
export class Failure extends Error {
  constructor(message, fix) {
    super(message);
    this.name = 'Failure';
    this.fix = fix;
  }

  get line() {
    const sentence = this.message.replace(/\s+/g, ' ').replace(/\.$/, '');
    return this.fix ? `${sentence}. To fix it: ${this.fix}` : `${sentence}.`;
  }
}

/** Converts an error of the system (disk full, no permission) to a Failure; undefined for others. */
export function asFailure(error, folder) {
  if (error instanceof Failure) return error;
  if (error?.code === 'ENOSPC') {
    return new Failure(`The disk of ${folder} is full`, 'free some space, or set ONECAST_CACHE');
  }
  if (error?.code === 'EACCES' || error?.code === 'EPERM' || error?.code === 'EROFS') {
    const path = error.path ?? folder;
    return new Failure(`${path} cannot be written`, 'set ONECAST_CACHE to a folder of your own');
  }
  return undefined;
}
