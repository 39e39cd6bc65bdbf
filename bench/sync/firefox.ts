/**
 * An unmodified Firefox on a host of a test network, driven by WebDriver BiDi. Firefox listens only on
 * loopback, here that of the host's namespace, so a process in the namespace forwards the connection.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, connect } from 'puppeteer-core';
import type { Host } from '#testkit/network/test-network.ts';

const PREFERENCES: Readonly<Record<string, boolean | number | string>> = {
  'media.navigator.streams.fake': true,
  'media.navigator.permission.disabled': true,
  'media.peerconnection.ice.loopback': true,
  'media.peerconnection.ice.obfuscate_host_addresses': false,
  'media.autoplay.default': 0,
  // The bench's pages are never in front, and hidden pages would get one frame a second.
  'dom.min_background_timeout_value': 4,
  'dom.timeout.enable_budget_timer_throttling': false,
  'media.suspend-background-video.enabled': false,
  'layout.throttled_frame_rate': 60,
  // No requests to other machines.
  'app.update.enabled': false,
  'app.normandy.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.homepage_override.mstone': 'ignore',
  'datareporting.policy.dataSubmissionEnabled': false,
  'extensions.update.enabled': false,
  'media.gmp-manager.updateEnabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'toolkit.telemetry.enabled': false,
};

const START_DEADLINE_MS = 60_000;

export interface Firefox {
  readonly browser: Browser;
  close(): Promise<void>;
}

/** Firefox treats `secureHost` as secure without TLS. */
export async function launchFirefox(on: Host, secureHost: string): Promise<Firefox> {
  const program = process.env['FIREFOX_PATH'];
  if (!program) throw new Error('FIREFOX_PATH is not set: run this with `npm run bench -- sync`');
  const profile = mkdtempSync(join(tmpdir(), 'onecast-firefox-'));
  const preferences = { ...PREFERENCES, 'dom.securecontext.allowlist': secureHost };
  writeFileSync(
    join(profile, 'user.js'),
    Object.entries(preferences)
      .map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`)
      .join(''),
  );
  const closers: (() => Promise<unknown>)[] = [
    async () => rmSync(profile, { recursive: true, force: true, maxRetries: 10 }),
  ];
  const close = async () => {
    for (const closer of closers.splice(0).toReversed()) await closer();
  };
  try {
    // Firefox only accepts requests whose Host header has its own port, so both ports must be the same.
    const relay = await relayInto(on);
    closers.push(relay.close);
    const child = spawn(
      on.commandFor(program),
      [
        '--headless',
        '--no-remote',
        '--profile',
        profile,
        `--remote-debugging-port=${relay.port}`,
        'about:blank',
      ],
      {
        stdio: ['ignore', 'ignore', 'pipe'],
        // Firefox's settings and caches go into the profile, not into the user's home.
        env: { ...process.env, HOME: profile, MOZ_CRASHREPORTER_DISABLE: '1' },
      },
    );
    closers.push(() => ended(child));
    await listens(child);
    const browser = await connect({
      browserWSEndpoint: `ws://127.0.0.1:${relay.port}/session`,
      protocol: 'webDriverBiDi',
    });
    closers.push(() => browser.close().catch(() => undefined));
    return { browser, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function listens(child: ChildProcess): Promise<void> {
  let printed = '';
  const found = Promise.withResolvers<void>();
  child.stderr?.on('data', (data: Buffer) => {
    printed += data.toString();
    if (printed.includes('WebDriver BiDi listening on')) found.resolve();
  });
  child.once('exit', () => found.reject(new Error(`Firefox ended:\n${printed}`)));
  const timer = setTimeout(
    () => found.reject(new Error(`Firefox does not listen:\n${printed}`)),
    START_DEADLINE_MS,
  );
  try {
    await found.promise;
  } finally {
    clearTimeout(timer);
  }
}

/** Forwards connections to a port of this machine to the same port in the namespace of `host`. */
async function relayInto(host: Host): Promise<{ port: number; close: () => Promise<void> }> {
  const pipes = new Set<ChildProcess>();
  const code = `const s = require('node:net').connect(Number(process.argv[1]), '127.0.0.1');
    s.on('error', () => process.exit(1)).on('close', () => process.exit(0));
    process.stdin.pipe(s).pipe(process.stdout);`;
  const server = createServer((socket) => {
    const command = ['netns', 'exec', host.namespace, process.execPath, '-e', code, String(port)];
    const pipe = spawn('ip', command, { stdio: ['pipe', 'pipe', 'inherit'] });
    pipes.add(pipe);
    pipe.once('exit', () => {
      pipes.delete(pipe);
      socket.destroy();
    });
    // Either end may close first.
    socket.on('error', () => pipe.kill());
    pipe.stdin.on('error', () => socket.destroy());
    socket.pipe(pipe.stdin);
    pipe.stdout.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const { port } = address;
  return {
    port,
    async close() {
      for (const pipe of pipes) pipe.kill();
      server.close();
      await Promise.all([...pipes].map(ended));
    },
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill();
  const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await exited;
  clearTimeout(late);
}
