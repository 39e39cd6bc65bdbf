import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import type { StateEntry } from '#protocol/overlay-state.ts';
import {
  copiedDiagnostics,
  goLive,
  openPage,
  type OpenedPage,
  pasted,
} from '#testkit/browser/browser.ts';
import { sharedNetwork, sharedSite } from '#testkit/browser/shared-site.ts';
import { keyedMessage as keyed } from '#testkit/overlay/keyed-message.ts';
import { networkUnavailable } from '#testkit/network/test-network.ts';
import { waitForFrames, waitForStatus } from '#testkit/browser/shown-video.ts';

const BOXES = join(import.meta.dirname, '../../docs/examples/boxes.py');
const python = spawnSync('python3', ['--version']).status === 0;
if (!python) console.warn('SKIPPED: the Python example. There is no python3 on this machine.');
const curl = spawnSync('curl', ['--version']).status === 0;
if (!curl) console.warn('SKIPPED: the command for a terminal. There is no curl on this machine.');
const unavailable = networkUnavailable();
if (unavailable) console.warn(`SKIPPED: state on a lossy connection. ${unavailable}`);

const places = (entries: readonly Pick<StateEntry, 'topic' | 'key'>[]) =>
  entries.map(({ topic, key }) => `${topic} ${key}`).sort();

/** The keyed state that the page holds. */
const stateOf = (page: Page) =>
  page.evaluate(() => (onecast?.overlayState?.() ?? []) as StateEntry[]);

const byPlace = (entries: readonly StateEntry[]) =>
  entries.toSorted((a, b) =>
    `${a.from} ${a.topic} ${a.key}` < `${b.from} ${b.topic} ${b.key}` ? -1 : 1,
  );

const secretOf = (page: Page, room: string) =>
  page.evaluate((key) => localStorage.getItem(key) ?? '', `onecast.publisher.${room}`);

/** Posts messages as a program does, from the publisher's own page. */
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

describe('keyed state, and messages of a program', () => {
  const ROOM = 'overlay-state';
  const site = sharedSite();
  let publisher: OpenedPage;
  let viewer: OpenedPage;
  let command = '';

  const openViewer = async () => site.open(`/join/${ROOM}?debug`);

  beforeAll(async () => {
    publisher = await site.open(`/publish/${ROOM}?debug`);
    await goLive(publisher.page);
    viewer = await openViewer();
    await waitForStatus(viewer.page, 'live');
    await waitForFrames(viewer.page, 10);
  });

  /** Expects that all pages end with the same state, which has these keys. */
  async function expectState(expected: readonly string[], ...pages: readonly Page[]) {
    for (const page of pages) {
      await expect
        .poll(async () => places(await stateOf(page)), { timeout: 30_000 })
        .toEqual(expected.toSorted());
    }
    const [first, ...others] = await Promise.all(pages.map(stateOf));
    for (const other of others) expect(byPlace(other)).toEqual(byPlace(first ?? []));
  }

  test('STATE-1 STATE-2 a viewer that has lost changes and one that joins late have the whole state', async () => {
    const { page } = publisher;
    await page.selectOption('#overlay-source', 'note');
    await page.fill('#note', 'kept for late viewers');
    await post(page, ROOM, [keyed('home', 1), keyed('away', 1), keyed('gone', 1)]);
    await expectState(['match away', 'match gone', 'match home', 'note line'], viewer.page);
    await viewer.page.evaluate(() => onecast?.simulate('overlay-loss'));
    await post(page, ROOM, [keyed('home', 2), keyed('gone', null), keyed('extra', { n: 1 })]);
    const late = await openViewer();
    await expectState(
      ['match away', 'match extra', 'match home', 'note line'],
      viewer.page,
      late.page,
    );
    const home = (await stateOf(viewer.page)).find(({ key }) => key === 'home');
    expect(home).toMatchObject({ data: 2, from: 'ingest' });
    // The data panel shows it as well.
    await late.page.click('#data-toggle');
    const shown = late.page.locator('#topics h3');
    await expect
      .poll(() => shown.allTextContents())
      .toEqual(['match / away', 'match / extra', 'match / home']);
    expect(late.faults).toEqual([]);
    await late.page.context().close();
  });

  test('STATE-3 the page’s keys follow when the publisher reloads and stops', async () => {
    const program = ['match away', 'match extra', 'match home'];
    await publisher.page.reload();
    await waitForStatus(publisher.page, 'live');
    await expectState([...program, 'note line'], viewer.page);
    await publisher.page.fill('#note', 'another line');
    await expect
      .poll(async () => JSON.stringify(await stateOf(viewer.page)), { timeout: 30_000 })
      .toContain('another line');
    await publisher.page.click('#stop');
    await waitForStatus(viewer.page, 'ended');
    await expectState(program, viewer.page);
    await publisher.page.click('#start');
    await waitForStatus(viewer.page, 'live');
    await expectState([...program, 'note line'], viewer.page);
  });

  test('STATE-3 after the server is killed, the page’s keys are back and the program’s keys are gone', async () => {
    await site.server.stop('SIGKILL');
    await site.server.start();
    await waitForStatus(publisher.page, 'live');
    await waitForStatus(viewer.page, 'live');
    await expectState(['note line'], viewer.page);
    expect(await stateOf(viewer.page)).toMatchObject([{ from: 'page' }]);
    await publisher.page.selectOption('#overlay-source', 'off');
    await expectState([], viewer.page);
  });

  test.skipIf(!python)(
    'INGEST-5 a viewer shows the boxes of the Python example, also after an outage',
    async () => {
      const secret = await secretOf(publisher.page, ROOM);
      const boxes = new Boxes(site.server.url, ROOM, secret);
      try {
        await expectMovingBoxes(viewer.page);
        await site.server.stop('SIGKILL');
        await expect.poll(() => boxes.output, { timeout: 30_000 }).toContain('can not be reached');
        await site.server.start();
        await waitForStatus(viewer.page, 'live');
        await expectMovingBoxes(viewer.page);
      } finally {
        await boxes.stop();
      }
      // The boxes disappear without a message that clears them.
      await expect.poll(() => boxesLeft(viewer.page), { timeout: 30_000 }).toBeUndefined();
    },
  );

  test.skipIf(!python)(
    'INGEST-1 a viewer draws boxes that name their frame by its capture time',
    async () => {
      const secret = await secretOf(publisher.page, ROOM);
      const boxes = new Boxes(site.server.url, ROOM, secret, '--name-frame');
      try {
        await expectMovingBoxes(viewer.page);
      } finally {
        await boxes.stop();
      }
      expect(boxes.output).toContain(`sending to room ${ROOM}`);
    },
  );

  test.skipIf(!python)('INGEST-5 the Python example reports what is wrong', async () => {
    const wrong = new Boxes(site.server.url, ROOM, 'A'.repeat(43));
    expect(await wrong.exitCode).toBe(1);
    expect(wrong.output).toContain('Somebody else is the publisher of this room. (403 room-taken)');
    const none = new Boxes(site.server.url, ROOM, '');
    expect(await none.exitCode).toBe(2);
    expect(none.output).toContain('set ONECAST_SECRET');
  });

  test('INGEST-5 the publisher’s page offers a command and hides the secret until it is asked to show it', async () => {
    const { page } = publisher;
    const secret = await secretOf(page, ROOM);
    const shown = () => page.inputValue('#ingest-command');
    // By keyboard only.
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
    // Browsers report that a <details> element was closed a moment later.
    await expect.poll(shown, { timeout: 30_000 }).not.toContain(secret);
  });

  test('CONN-17 the publisher’s diagnostics contain no secret of the room', async () => {
    const text = await copiedDiagnostics(publisher.page);
    expect(JSON.parse(text)).toMatchObject({ role: 'publisher', room: ROOM });
    expect(text).not.toContain(await secretOf(publisher.page, ROOM));
  });

  test.skipIf(!curl)('INGEST-5 the offered command draws on the viewer’s screen', async () => {
    const { stdout } = spawnSync('sh', ['-c', command]);
    expect(stdout.toString()).toBe('{"accepted":1,"refused":[]}');
    await expect
      .poll(() => viewer.page.evaluate(inkOnOverlay), { timeout: 30_000, interval: 50 })
      .toBeGreaterThan(0);
  });

  test('no page has a script error or violates the security policy', () => {
    expect([...publisher.faults, ...viewer.faults]).toEqual([]);
  });
});

describe.skipIf(unavailable !== undefined)('state on a lossy connection', () => {
  const ROOM = 'lossy';
  const net = sharedNetwork(2);

  test('STATE-2 a viewer that loses a quarter of its packets ends with the publisher’s state, and so does one that joins then', async () => {
    const [near, far] = [net.browser(0), net.browser(1)];
    const publisher = await openPage(
      await near.newContext(),
      `${net.server.url}/publish/${ROOM}?debug`,
    );
    await goLive(publisher.page);
    await publisher.page.selectOption('#overlay-source', 'note');
    const viewer = await openPage(await far.newContext(), `${net.server.url}/join/${ROOM}?debug`);
    await waitForStatus(viewer.page, 'live');
    net.host(1).loseUdp(0.25);

    const expected = new Map<string, object>();
    for (let round = 0; round < 40; round += 1) {
      const batch = [0, 1, 2].map((n) => {
        const key = `k${(round * 7 + n * 5) % 11}`;
        const message = keyed(key, (round + n) % 4 === 0 ? null : { round, n });
        if (message.data === null) expected.delete(key);
        else expected.set(key, { ...message, from: 'ingest' });
        return message;
      });
      await post(publisher.page, ROOM, batch);
      await publisher.page.fill('#note', `round ${round}`);
    }
    const late = await openPage(await far.newContext(), `${net.server.url}/join/${ROOM}?debug`);
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

/** Runs in the page: how many pixels of the overlay's canvas are not transparent. */
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

/** Left edge of the example's magenta boxes, relative to the overlay's width; undefined without boxes. */
async function boxesLeft(page: Page): Promise<number | undefined> {
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

async function expectMovingBoxes(page: Page): Promise<void> {
  const seen = new Set<number>();
  await expect
    .poll(
      async () => {
        const left = await boxesLeft(page);
        if (left !== undefined) seen.add(Math.round(left * 100));
        return seen.size;
      },
      { timeout: 60_000, interval: 50 },
    )
    .toBeGreaterThanOrEqual(5);
}
