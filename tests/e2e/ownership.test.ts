import { describe, expect, test } from 'vitest';
import { newSecret } from '#backend/admission/secrets.ts';
import { isOwnedName } from '#protocol/owned-name.ts';
import { goLive } from '#testkit/browser/browser.ts';
import { sharedSite } from '#testkit/browser/shared-site.ts';
import { waitForFrames, waitForStatus } from '#testkit/browser/shown-video.ts';
import { claim, PROTOCOL } from '#testkit/signalling/requests.ts';
import { SignalClient } from '#testkit/signalling/signal-client.ts';

describe('who owns a room', () => {
  const site = sharedSite();

  test('ROOM-9 a page takes its room back from a program that claimed it first after a crash', async () => {
    const context = await site.browser.newContext();
    const publisher = await site.open('/publish/crash', context);
    await goLive(publisher.page);
    const viewer = await site.open('/join/crash', context);
    await waitForFrames(viewer.page, 5);
    await site.server.stop('SIGKILL');
    await site.server.start();
    const thief = await SignalClient.connect(site.server.url);
    // Not live: the owner's page may be back before this claim's first request for media.
    await claim(thief, 'crash');
    await thief.waitForPush('superseded');
    await waitForStatus(publisher.page, 'live');
    await waitForStatus(viewer.page, 'live');
    await waitForFrames(viewer.page, 20);
    expect(await thief.errorCode('publish', { ...PROTOCOL, room: 'crash' })).toBe('room-taken');
    thief.close();
    await context.close();
  });

  test('ROOM-10 “New broadcast” makes a room that only this browser can claim', async () => {
    const context = await site.browser.newContext();
    const home = await site.open('/', context);
    const path = await home.page.getAttribute('#new-broadcast', 'href');
    const room = path?.split('/')[2] ?? '';
    expect(room).toSatisfy(isOwnedName);
    // Before the page is even open.
    const stranger = await SignalClient.connect(site.server.url);
    expect(await stranger.errorCode('publish', { ...PROTOCOL, room })).toBe('room-taken');
    const elsewhere = await site.open(path ?? '');
    await elsewhere.page.click('#start');
    await waitForStatus(elsewhere.page, 'failed');
    const publisher = await site.open(path ?? '', context);
    await goLive(publisher.page);
    await publisher.page.reload();
    await waitForStatus(publisher.page, 'live');
    // Each visit of the start page offers another room.
    await home.page.reload();
    expect(await home.page.getAttribute('#new-broadcast', 'href')).not.toBe(path);
    stranger.close();
    await context.close();
  });

  test('ROOM-11 no link sets the secret of a room, not even one that changes in an open page', async () => {
    const secrets = [newSecret(), newSecret()] as const;
    const room = 'lured';
    const context = await site.browser.newContext();
    // The other pages of the room read no secret either.
    for (const kind of ['join', 'embed']) {
      await site.open(`/${kind}/${room}#publisher=${secrets[0]}`, context);
    }
    const { page } = await site.open(
      `/publish/${room}?publisher=${secrets[0]}#publisher=${secrets[0]}`,
      context,
    );
    await page.evaluate((secret) => {
      location.hash = `#publisher=${secret}`;
    }, secrets[1]);
    await goLive(page);
    const attacker = await SignalClient.connect(site.server.url);
    for (const secret of secrets) {
      await expect(claim(attacker, room, secret)).rejects.toMatchObject({ code: 'room-taken' });
    }
    const stored = await page.evaluate(() => JSON.stringify(localStorage));
    for (const secret of secrets) expect(stored).not.toContain(secret);
    attacker.close();
    await context.close();
  });
});
