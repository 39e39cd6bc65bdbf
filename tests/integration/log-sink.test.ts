import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { LIMITS } from '#config/limits.ts';
import { isAlive, MainProcess } from '#testkit/server/main-process.ts';
import { freePorts } from '#testkit/server/ports.ts';
import { serverVariables } from '#testkit/server/test-config.ts';
import { waitUntil } from '#testkit/wait-until.ts';

const folder = mkdtempSync(join(tmpdir(), 'onecast-log-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** At this level each request is a line of some hundred bytes. */
const DEBUG = { LOG_LEVEL: 'debug' } as const;
/** More bytes of log than a pipe holds (64 KiB), from anyone who can reach the server. */
async function fillLog(url: string): Promise<void> {
  const path = `/${'long-'.repeat(60)}`;
  for (let round = 0; round < 40; round += 1) {
    await Promise.all(
      Array.from({ length: 10 }, async () => (await fetch(`${url}${path}`)).arrayBuffer()),
    );
  }
}

/** The statuses of the server's answers while its log is full. */
async function statuses(server: MainProcess): Promise<(number | undefined)[]> {
  await fillLog(server.url);
  return Promise.all(['/healthz', '/readyz', '/publish'].map((path) => server.status(path)));
}
const OK = [200, 200, 200];

/** How the server ends after SIGTERM, and whether it did so in time. */
async function end(server: MainProcess) {
  const asked = performance.now();
  process.kill(server.pid, 'SIGTERM');
  const [code] = await server.exited;
  return { code, inTime: performance.now() - asked < LIMITS.shutdownDeadlineMs };
}
const IN_ORDER = { code: 0, inTime: true };

/** Both ends of a named pipe that nobody reads. */
function openPipe(name: string): { reader: number; writer: number } {
  const path = join(folder, name);
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  return { reader, writer: openSync(path, 'w') };
}

function readAll(reader: number): string {
  const buffer = Buffer.alloc(1024 * 1024);
  let text = '';
  try {
    for (;;) {
      const bytes = readSync(reader, buffer);
      if (bytes === 0) return text;
      text += buffer.toString('utf8', 0, bytes);
    }
  } catch {
    return text;
  }
}

describe.skipIf(process.platform !== 'linux')(
  'OBS-3 whatever becomes of its log, the server works and stops in time',
  () => {
    it('stdout is a pipe that nobody reads; when somebody reads, the log goes on', async () => {
      const { reader, writer } = openPipe('stuck');
      await using server = await MainProcess.start({ stdout: writer, env: DEBUG });
      closeSync(writer);
      expect(await statuses(server)).toEqual(OK);
      let text = '';
      await waitUntil('the log has been read', async () => {
        text += readAll(reader);
        await server.status('/the-last-one');
        return text.includes('/the-last-one');
      });
      await fillLog(server.url);
      expect(await end(server)).toEqual(IN_ORDER);
      for (const line of text
        .split('\n')
        .filter((part) => part.startsWith('{'))
        .slice(0, -1)) {
        JSON.parse(line);
      }
      closeSync(reader);
    });

    it('stdout is a pipe whose reader has gone', async () => {
      const { reader, writer } = openPipe('closed');
      await using server = await MainProcess.start({ stdout: writer, env: DEBUG });
      closeSync(writer);
      closeSync(reader);
      expect(await statuses(server)).toEqual(OK);
      expect(await end(server)).toEqual(IN_ORDER);
    });

    it('stdout is a socket that nobody reads', async () => {
      await using server = await MainProcess.start({ stdout: 'pipe', env: DEBUG });
      expect(await statuses(server)).toEqual(OK);
      expect(await end(server)).toEqual(IN_ORDER);
    });

    it('stdout is on a full disk', async () => {
      const full = openSync('/dev/full', 'w');
      await using server = await MainProcess.start({ stdout: full, env: DEBUG });
      closeSync(full);
      expect(await statuses(server)).toEqual(OK);
      expect(await end(server)).toEqual(IN_ORDER);
    });

    it('a start that fails ends with code 1, also on a full disk', async () => {
      const full = openSync('/dev/full', 'w');
      await using server = await MainProcess.spawn({ stdout: full, env: { WORKERS: 'many' } });
      expect(await server.exited).toEqual([1, null]);
      expect(server.output).toContain('WORKERS is "many"');
      closeSync(full);
    });

    it('stdout is a file: every line is there', async () => {
      const path = join(folder, 'log');
      const file = openSync(path, 'w');
      await using server = await MainProcess.start({ stdout: file, env: DEBUG });
      closeSync(file);
      expect(await statuses(server)).toEqual(OK);
      expect(await end(server)).toEqual(IN_ORDER);
      const text = readFileSync(path, 'utf8');
      expect(text.match(/long-long/g)?.length).toBeGreaterThanOrEqual(400);
      expect(text.trim().split('\n').at(-1)).toContain('"msg":"stopped"');
    });

    it('stdout is a terminal that somebody has stopped (Ctrl+S)', async () => {
      const variables = serverVariables({
        port: await freePorts(),
        mediaPort: await freePorts(2),
        workers: 1,
      });
      const main = join(import.meta.dirname, '../../backend/src/main.ts');
      // Nobody reads the terminal, so it accepts no more than some KiB: as after Ctrl+S.
      const python = `import os, pty, sys
pid, terminal = pty.fork()
if pid == 0: os.execv(sys.argv[1], sys.argv[1:])
print(pid, flush=True)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)`;
      const holder = spawn('python3', ['-c', python, process.execPath, main], {
        env: { ...process.env, ...variables, ...DEBUG },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const closed = once(holder, 'close');
      let printed = '';
      holder.stdout.on('data', (data: Buffer) => {
        printed += data.toString();
      });
      await waitUntil('the server has a pid', () => printed.includes('\n'));
      const pid = Number.parseInt(printed, 10);
      try {
        const url = `http://127.0.0.1:${variables['PORT']}`;
        await waitUntil('the server answers', () =>
          fetch(`${url}/healthz`).then(
            ({ ok }) => ok,
            () => false,
          ),
        );
        await fillLog(url);
        expect((await fetch(`${url}/readyz`)).status).toBe(200);
        process.kill(pid, 'SIGTERM');
        await closed;
        expect(printed).toBe(`${pid}\n0\n`);
      } finally {
        if (isAlive(pid)) process.kill(pid, 'SIGKILL');
      }
    });
  },
);
