// What the set-up shows: one line a step, with the time it has taken. A terminal gets a line that
// moves; a log gets plain lines, one for each tenth of a long step. All of it on stderr.

import { bar, clock } from './plan.mjs';

const out = process.stderr;

/**
 * `work` may tell how far it is: update({share of 1, note}), or {instead} where it ends well without
 * having done what the title says.
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
    const now = Math.floor((state.share ?? 0) * 10);
    if (now > tenth && now < 10) {
      out.write(`  ${title} ${bar(state.share)} ${clock(seconds())} ${state.note}\n`);
    }
    tenth = Math.max(tenth, now);
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

export function say(line) {
  out.write(`${line}\n`);
}
