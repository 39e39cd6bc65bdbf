/**
 * The program. Loading the server takes half a second, so what must hold before that is here: no signal
 * opens Node's inspector, which would run any code for everybody on this machine.
 */
import { close, url } from 'node:inspector';

// SIGUSR1 would open the inspector, and SIGUSR2 would end the process.
for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) process.on(signal, () => undefined);

// The signal may have come while Node started, and then the inspector opens a little later. Somebody
// who wants it says so.
const options = [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''];
const isWanted = options.some((option) => /--inspect(?:-brk|-wait)?(?:[= ]|$)/.test(option));
const closeUnwanted = () => {
  if (!isWanted && url() !== undefined) close();
};
const timer = setInterval(closeUnwanted, 20);
try {
  await import('./run-server.ts');
} finally {
  clearInterval(timer);
  closeUnwanted();
}
