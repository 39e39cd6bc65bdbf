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
} catch (error) {
  const missing = missingPackage(error);
  if (missing === undefined) throw error;
  const sentence = `Onecast could not start: the npm package ${missing} is missing. npm start installs everything, and starts the server\n`;
  process.stderr.write(sentence, () => process.exit(1));
} finally {
  clearInterval(timer);
  closeUnwanted();
}

/** The package that could not be imported, if that is what went wrong. */
function missingPackage(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  if (error.code !== 'ERR_MODULE_NOT_FOUND') return undefined;
  return /package '([^']+)'/.exec(error.message)?.[1];
}
