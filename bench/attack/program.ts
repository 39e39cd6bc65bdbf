/**
 * What the programs that attack have in common. Each runs as a process of its own: its orders come as
 * lines (`begin`, `hold`), and at the end of its input it prints what it counted. Each ends
 * after a deadline on its own.
 */
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

/** The attacker's one address. Everybody else of the bench is in 127.1.0.0/16. */
export const ATTACKER = '127.0.0.66';
const DEADLINE_MS = 180_000;

export interface Attempt {
  readonly url: URL;
  /** Aborted on `hold`: from then on nothing more is sent. */
  readonly signal: AbortSignal;
  readonly count: (what: string, by?: number) => void;
}

/** Begins an attack, which ends with the process. A flood closes its connections on `hold`. */
export type Program = (attempt: Attempt) => Promise<void>;

/** Runs the attack that the arguments name: `<attack> <url>`. */
export async function runProgram(programs: Readonly<Record<string, Program>>): Promise<void> {
  const [name = '', url = ''] = process.argv.slice(2);
  const program = programs[name];
  if (!program) throw new Error(`no attack is called ${name}`);
  setTimeout(() => process.exit(1), DEADLINE_MS);
  const counts: Record<string, number> = {};
  const holding = new AbortController();
  const attempt: Attempt = {
    url: new URL(url),
    signal: holding.signal,
    count: (what, by = 1) => {
      counts[what] = (counts[what] ?? 0) + by;
    },
  };
  for await (const line of createInterface({ input: process.stdin })) {
    if (line === 'hold') holding.abort();
    else void program(attempt);
  }
  process.stdout.write(JSON.stringify(counts), () => process.exit(0));
}

/** A connection from the attacker's address. It is not read until somebody listens or resumes it. */
export function connection({ url, count }: Attempt): Socket {
  const socket = connect({
    host: url.hostname,
    port: Number(url.port),
    localAddress: ATTACKER,
    noDelay: true,
  });
  count('connections');
  socket.on('error', () => count('resets'));
  return socket;
}

/** The text of a request without a body, for a connection of one's own. */
export function requestText({ url }: Attempt, path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`;
}

/** Resolves when the socket is closed, whatever the reason. */
export function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve();
    else socket.once('close', () => resolve());
  });
}
