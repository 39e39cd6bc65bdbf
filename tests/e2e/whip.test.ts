import type { Page } from 'playwright-core';
import { afterEach, describe, expect, test } from 'vitest';
import { newSecret } from '#backend/admission/secrets.ts';
import { sharedSite } from '#testkit/browser/shared-site.ts';
import { quarterColours, waitForFrames, waitForStatus } from '#testkit/browser/shown-video.ts';
import { encodeH264, publishFromPage } from '#testkit/browser/whip-page.ts';
import { ObsEncoder } from '#testkit/media/obs-encoder.ts';

const RED_AND_BLUE = [
  [200, 40, 40],
  [40, 40, 200],
] as const;
const GREEN = [40, 160, 40] as const;

describe('WHIP-5 viewers see what an encoder sends', () => {
  const site = sharedSite();
  const opened: Page[] = [];

  afterEach(async () => {
    for (const page of opened.splice(0)) await page.context().close();
  });

  async function open(path: string): Promise<Page> {
    const { page } = await site.open(path);
    opened.push(page);
    return page;
  }

  /** Expects moving video with this colour at the left and at the right. */
  async function expectShown(page: Page, left: readonly number[], right: readonly number[]) {
    await waitForStatus(page, 'live');
    await waitForFrames(page, 20);
    const { topLeft, topRight } = await quarterColours(page);
    for (const [shown, sent] of [
      [topLeft, left],
      [topRight, right],
    ] as const) {
      for (const [i, value] of sent.entries()) expect(Math.abs(shown[i]! - value)).toBeLessThan(60);
    }
  }

  test.each([
    ['VP8 in three layers', 'video/VP8', true],
    ['H264', 'video/H264', false],
    ['AV1', 'video/AV1', false],
  ])('a page sends %s', async (_, codec, simulcast) => {
    const room = `whip-${codec.slice(6).toLowerCase()}`;
    const encoder = await open('/');
    const url = `${site.server.url}/whip/${room}`;
    const session = await publishFromPage(encoder, { url, bearer: newSecret(), codec, simulcast });
    const viewer = await open(`/join/${room}`);
    await expectShown(viewer, ...RED_AND_BLUE);
    expect(new URL(session).pathname.startsWith(`/whip/${room}/`)).toBe(true);
  });

  test('WHIP-6 a viewer waits for a rare key frame, and repairs nothing', async () => {
    const room = 'whip-rare';
    const bearer = newSecret();
    const obs = new ObsEncoder(bearer);
    await using _ = obs;
    const { session } = await obs.publish(`${site.server.url}/whip/${room}`);
    await encodeH264(await open('/'), 6_000, (unit, atMs) => obs.sendFrame(unit, atMs));
    const measured = async () => {
      const answer = await fetch(session, { headers: { Authorization: `Bearer ${bearer}` } });
      const { room: view } = (await answer.json()) as { room: { keyFrameIntervalMs?: number } };
      return view.keyFrameIntervalMs ?? 0;
    };
    await expect.poll(measured, { timeout: 60_000 }).toBeGreaterThan(4_000);
    // A page may request a key frame when its socket takes its session over; that is no repair.
    const repairs = () =>
      ['renewConsumers', 'renewTransport'].map((name) =>
        site.server.printed(`"request":"${name}"`),
      );
    // Those of the tests before.
    const before = repairs();
    const viewer = await open(`/join/${room}`);
    await expectShown(viewer, GREEN, GREEN);
    expect(repairs()).toEqual(before);
  });

  test('WHIP-7 OBS’s library publishes as the page says: H264 (High), stops, and again', async () => {
    const room = 'whip-obs';
    const page = await open(`/publish/${room}`);
    await page.click('#encoder summary');
    const shown = (id: string) => page.inputValue(id);
    expect(await shown('#encoder-bearer')).toMatch(/^•+$/);
    await page.click('#show-encoder-bearer');
    const [url, bearer] = [await shown('#encoder-server'), await shown('#encoder-bearer')];
    const viewer = await open(`/join/${room}`);
    let encoder: ObsEncoder | undefined;
    await encodeH264(await open('/'), 1_000, (unit, atMs) => encoder?.sendFrame(unit, atMs));
    for (let i = 0; i < 2; i += 1) {
      await using obs = new ObsEncoder(bearer);
      await obs.publish(url);
      encoder = obs;
      await expectShown(viewer, GREEN, GREEN);
      encoder = undefined;
      expect(await obs.stop()).toBe(200);
      await waitForStatus(viewer, 'ended');
    }
  });
});
