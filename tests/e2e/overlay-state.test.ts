import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StateEntry } from '#protocol/overlay-state.ts';
import {
  copiedDiagnostics,
  launchBrowser,
  openPage,
  type OpenedPage,
  pasted,
} from '#testkit/browser/browser.ts';
import { type Host, networkUnavailable, TestNetwork } from '#testkit/network/test-network.ts';
import { waitForFrames, waitForStatus } from '#testkit/browser/shown-video.ts';
import { ServerProcess } from '#testkit/server/server-process.ts';

const BOXES = join(import.meta.dirname, '../../docs/examples/boxes.py');
const python = spawnSync('python3', ['--version']).status === 0;
if (!python) console.warn('SKIPPED: the Python example. There is no python3 on this machine.');
const curl = spawnSync('curl', ['--version']).status === 0;
if (!curl) console.warn('SKIPPED: the command for a terminal. There is no curl on this machine.');
const unavailable = networkUnavailable();
if (unavailable) console.warn(`SKIPPED: state over a line that loses. ${unavailable}`);

const places = (entries: readonly Pick<StateEntry, 'topic' | 'key'>[]) =>
  entries.map(({ topic, key }) => `${topic} ${key}`).sort();

/** All keyed state as the page knows it. */
const stateOf = (page: Page) =>
  page.evaluate(() => (onecast?.overlayState?.() ?? []) as StateEntry[]);

const byPlace = (entries: readonly StateEntry[]) =>
  entries.toSorted((a, b) =>
    `${a.from} ${a.topic} ${a.key}` < `${b.from} ${b.topic} ${b.key}` ? -1 : 1,
  );

const secretOf = (page: Page, room: string) =>
  page.evaluate((key) => localStorage.getItem(key) ?? '', `onecast.publisher.${room}`);

/** From the publisher's own page: the same origin, as a program on its machine would. */
async function post(publisher: Page, room: string, messages: readonly object[]): Promise<void> {
  const secret = await secretOf(publisher, room);
  const answer = await publisher.evaluate(
    async ([path, bearer, body]) => {
      const response = await fetch(path, {
        method: 'POST',
        headers: { Authorization: `Bearer ${bearer}`, 'Content-Type': 'application/x-ndjson' },
        body,
      });
      return { status: response.status, text: await response.text() };
    },
    [
      `/api/rooms/${room}/overlay`,
      secret,
      messages.map((message) => JSON.stringify(message)).join('\n'),
    ] as const,
  );
  expect(answer).toEqual({ status: 200, text: `{"accepted":${messages.length},"refused":[]}` });
}

const goals = (key: string, value: unknown) => ({
  kind: 'data',
  topic: 'match',
  key,
  capturedAt: 1,
  data: value,
});

describe('state that survives, and data from a program', () => {
  const ROOM = 'overlay-state';
  let server: ServerProcess;
  let browser: Browser;
  let publisher: OpenedPage;
  let viewer: OpenedPage;
  let command = '';

  const openViewer = async () =>
    openPage(await browser.newContext(), `${server.url}/join/${ROOM}?debug`);

  beforeAll(async () => {
    server = await ServerProcess.start();
    browser = await launchBrowser();
    publisher = await openPage(await browser.newContext(), `${server.url}/publish/${ROOM}?debug`);
    await publisher.page.click('#start');
    await waitForStatus(publisher.page, 'live');
    viewer = await openViewer();
    await waitForStatus(viewer.page, 'live');
    await waitForFrames(viewer.page, 10);
  });

  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  async function everybodyHas(expected: readonly string[], ...pages: readonly Page[]) {
    for (const page of pages) {
      await expect
        .poll(async () => places(await stateOf(page)), { timeout: 30_000 })
        .toEqual(expected.toSorted());
    }
    const [first, ...others] = await Promise.all(pages.map(stateOf));
    for (const other of others) expect(byPlace(other)).toEqual(byPlace(first ?? []));
  }

  test('STATE-1 STATE-2 a viewer who has lost changes, and one who comes late, have the whole state', async () => {
    const { page } = publisher;
    await page.selectOption('#overlay-source', 'note');
    await page.fill('#note', 'kept for who comes late');
    await post(page, ROOM, [goals('home', 1), goals('away', 1), goals('gone', 1)]);
    await everybodyHas(['match away', 'match gone', 'match home', 'note line'], viewer.page);
    await viewer.page.evaluate(() => onecast?.simulate('overlay-loss'));
    await post(page, ROOM, [goals('home', 2), goals('gone', null), goals('extra', { n: 1 })]);
    const late = await openViewer();
    await everybodyHas(
      ['match away', 'match extra', 'match home', 'note line'],
      viewer.page,
      late.page,
    );
    const home = (await stateOf(viewer.page)).find(({ key }) => key === 'home');
    expect(home).toMatchObject({ data: 2, from: 'ingest' });
    // As people see it, too.
    await late.page.click('#data-toggle');
    const shown = late.page.locator('#topics h3');
    await expect
      .poll(() => shown.allTextContents())
      .toEqual(['match / away', 'match / extra', 'match / home']);
    expect(late.faults).toEqual([]);
    await late.page.context().close();
  });

  test('STATE-3 the publisher’s page is reloaded, and stops: its keys follow', async () => {
    const outside = ['match away', 'match extra', 'match home'];
    await publisher.page.reload();
    await waitForStatus(publisher.page, 'live');
    await everybodyHas([...outside, 'note line'], viewer.page);
    await publisher.page.fill('#note', 'another line');
    await expect
      .poll(async () => JSON.stringify(await stateOf(viewer.page)), { timeout: 30_000 })
      .toContain('another line');
    await publisher.page.click('#stop');
    await waitForStatus(viewer.page, 'ended');
    await everybodyHas(outside, viewer.page);
    await publisher.page.click('#start');
    await waitForStatus(viewer.page, 'live');
    await everybodyHas([...outside, 'note line'], viewer.page);
  });

  test('STATE-3 the server is killed: what is the page’s is back, what was a program’s is gone', async () => {
    await server.stop('SIGKILL');
    await server.start();
    await waitForStatus(publisher.page, 'live');
    await waitForStatus(viewer.page, 'live');
    await everybodyHas(['note line'], viewer.page);
    expect(await stateOf(viewer.page)).toMatchObject([{ from: 'page' }]);
    await publisher.page.selectOption('#overlay-source', 'off');
    await everybodyHas([], viewer.page);
  });

  test.skipIf(!python)(
    'INGEST-5 the boxes of the Python example are on a viewer’s canvas, and again after an outage',
    async () => {
      const secret = await secretOf(publisher.page, ROOM);
      const boxes = new Boxes(server.url, ROOM, secret);
      try {
        await boxesMove(viewer.page);
        await server.stop('SIGKILL');
        await expect.poll(() => boxes.output, { timeout: 30_000 }).toContain('can not be reached');
        await server.start();
        await waitForStatus(viewer.page, 'live');
        await boxesMove(viewer.page);
      } finally {
        await boxes.stop();
      }
      // Nobody clears them: they are gone by themselves.
      await expect.poll(() => magenta(viewer.page), { timeout: 30_000 }).toBeUndefined();
    },
  );

  test.skipIf(!python)('INGEST-1 boxes that name their frame by its time are drawn', async () => {
    const secret = await secretOf(publisher.page, ROOM);
    const boxes = new Boxes(server.url, ROOM, secret, '--name-frame');
    try {
      await boxesMove(viewer.page);
    } finally {
      await boxes.stop();
    }
    expect(boxes.output).toContain(`sending to room ${ROOM}`);
  });

  test.skipIf(!python)('INGEST-5 the Python example says what is wrong', async () => {
    const wrong = new Boxes(server.url, ROOM, 'A'.repeat(43));
    expect(await wrong.exitCode).toBe(1);
    expect(wrong.output).toContain('Somebody else is the publisher of this room. (403 room-taken)');
    const none = new Boxes(server.url, ROOM, '');
    expect(await none.exitCode).toBe(2);
    expect(none.output).toContain('set ONECAST_SECRET');
  });

  test('INGEST-5 the publisher’s page gives a command that works, and hides the secret until asked', async () => {
    const { page } = publisher;
    const secret = await secretOf(page, ROOM);
    const shown = () => page.inputValue('#ingest-command');
    // With the keyboard alone.
    await page.focus('#ingest summary');
    await page.keyboard.press('Enter');
    expect(await shown()).not.toContain(secret);
    await page.focus('#show-secret');
    await page.keyboard.press('Enter');
    expect(await shown()).toContain(secret);
    await page.keyboard.press('Enter');
    expect(await shown()).not.toContain(secret);
    await page.click('#copy-ingest');
    command = await pasted(page);
    expect(command).toContain(secret);
    expect(page.url()).not.toContain(secret);
    await page.click('#show-secret');
    await page.click('#ingest summary');
    // Browsers tell of an element that was closed a moment later.
    await expect.poll(shown).not.toContain(secret);
  });

  test('CONN-17 the publisher’s diagnostics hold no secret of the room', async () => {
    const text = await copiedDiagnostics(publisher.page);
    expect(JSON.parse(text)).toMatchObject({ role: 'publisher', room: ROOM });
    expect(text).not.toContain(await secretOf(publisher.page, ROOM));
  });

  test.skipIf(!curl)('INGEST-5 the command draws on every viewer’s screen', async () => {
    const { stdout } = spawnSync('sh', ['-c', command]);
    expect(stdout.toString()).toBe('{"accepted":1,"refused":[]}');
    await expect
      .poll(() => viewer.page.evaluate(inkOnOverlay), { timeout: 30_000, interval: 50 })
      .toBeGreaterThan(0);
  });

  test('no page has raised an error or been held back by the security policy', () => {
    expect([...publisher.faults, ...viewer.faults]).toEqual([]);
  });
});

describe.skipIf(unavailable !== undefined)('state over a line that loses', () => {
  const ROOM = 'lossy';
  let network: TestNetwork;
  let server: ServerProcess;
  let browsers: Browser[];

  beforeAll(async () => {
    network = new TestNetwork(2);
    server = await ServerProcess.start({
      prefix: network.serverPrefix,
      address: network.serverAddress,
    });
    const launch = (on: Host) =>
      launchBrowser({
        on,
        flags: [`--unsafely-treat-insecure-origin-as-secure=${server.url}`],
      });
    browsers = await Promise.all(network.hosts.map(launch));
  });

  afterAll(async () => {
    for (const browser of browsers ?? []) await browser.close();
    await server?.stop();
    network?.close();
  });

  test('STATE-2 with a quarter of its packets lost a viewer ends with the publisher’s state, and so does one who joins then', async () => {
    const [near, far] = browsers as [Browser, Browser];
    const publisher = await openPage(
      await near.newContext(),
      `${server.url}/publish/${ROOM}?debug`,
    );
    await publisher.page.click('#start');
    await waitForStatus(publisher.page, 'live');
    await publisher.page.selectOption('#overlay-source', 'note');
    const viewer = await openPage(await far.newContext(), `${server.url}/join/${ROOM}?debug`);
    await waitForStatus(viewer.page, 'live');
    network.hosts[1]?.loseUdp(0.25);

    const expected = new Map<string, object>();
    for (let round = 0; round < 40; round += 1) {
      const batch = [0, 1, 2].map((n) => {
        const key = `k${(round * 7 + n * 5) % 11}`;
        const message = goals(key, (round + n) % 4 === 0 ? null : { round, n });
        if (message.data === null) expected.delete(key);
        else expected.set(key, { ...message, from: 'ingest' });
        return message;
      });
      await post(publisher.page, ROOM, batch);
      await publisher.page.fill('#note', `round ${round}`);
    }
    const late = await openPage(await far.newContext(), `${server.url}/join/${ROOM}?debug`);
    const [note] = await stateOf(publisher.page);
    const truth = byPlace([
      ...([...expected.values()] as StateEntry[]),
      { ...(note as StateEntry), from: 'page' },
    ]);
    expect(JSON.stringify(note)).toContain('round 39');
    for (const { page } of [viewer, late]) {
      await expect
        .poll(async () => byPlace(await stateOf(page)), { timeout: 60_000 })
        .toEqual(truth);
    }
    expect([...publisher.faults, ...viewer.faults, ...late.faults]).toEqual([]);
  });
});

/** Runs in the page: how much of the overlay's canvas is drawn on. */
function inkOnOverlay(): number {
  const canvas = document.querySelector<HTMLCanvasElement>('#overlay');
  const context = canvas?.getContext('2d');
  if (!canvas || !context || canvas.width === 0) return 0;
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  return data.filter((value, i) => i % 4 === 3 && value > 0).length;
}

/** The Python example as a process. */
class Boxes {
  readonly #process: ChildProcess;
  readonly exitCode: Promise<number | null>;
  output = '';

  constructor(url: string, room: string, secret: string, ...more: readonly string[]) {
    this.#process = spawn('python3', [BOXES, '--url', url, '--room', room, ...more], {
      env: { ...process.env, ONECAST_SECRET: secret },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.output += chunk.toString();
      });
    }
    this.exitCode = once(this.#process, 'close').then(([code]) => code as number | null);
  }

  async stop(): Promise<void> {
    this.#process.kill();
    await this.exitCode;
  }
}

/** The left edge of the example's colour on the overlay, relative to it; undefined where there is none. */
async function magenta(page: Page): Promise<number | undefined> {
  return page.evaluate(() => {
    const canvas = document.querySelector<HTMLCanvasElement>('#overlay');
    const context = canvas?.getContext('2d');
    if (!canvas || !context || canvas.width === 0) return undefined;
    const { data, width } = context.getImageData(0, 0, canvas.width, canvas.height);
    let left = Infinity;
    for (let i = 0; i < data.length; i += 4) {
      const [red = 0, green = 0, blue = 0, alpha = 0] = data.subarray(i, i + 4);
      if (red > 200 && green < 60 && blue > 200 && alpha > 200)
        left = Math.min(left, (i / 4) % width);
    }
    return left === Infinity ? undefined : left / width;
  });
}

async function boxesMove(page: Page): Promise<void> {
  const seen = new Set<number>();
  await expect
    .poll(
      async () => {
        const left = await magenta(page);
        if (left !== undefined) seen.add(Math.round(left * 100));
        return seen.size;
      },
      { timeout: 60_000, interval: 50 },
    )
    .toBeGreaterThanOrEqual(5);
}
