import { describe, expect, test } from 'vitest';
import { newSecret } from '#backend/admission/secrets.ts';
import { isOwnedName } from '#protocol/owned-name.ts';
import { goLive, openPage } from '#testkit/browser/browser.ts';
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
    const code = await thief.errorCode('publish', { ...PROTOCOL, room: 'crash' });
    // On a busy machine the owner is back before this claim is answered.
    expect([undefined, 'superseded']).toContain(code);
    if (code === undefined) await thief.waitForPush('superseded');
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

  test('ROOM-12 ROOM-13 a publisher goes on on another device, and with a recovery code from anywhere', async () => {
    const [home, phone, elsewhere] = [
      await site.browser.newContext(),
      await site.browser.newContext(),
      await site.browser.newContext(),
    ];
    const first = (await site.open('/publish/lecture', home)).page;
    expect(await first.isVisible('#device-not-yet')).toBe(true);
    await goLive(first);
    const viewer = await site.open('/join/lecture');
    await waitForFrames(viewer.page, 5);
    await first.click('#make-code');
    await first.waitForSelector('#device-qr path');
    const link = await first.inputValue('#device-link');
    expect(link).toMatch(/\/publish\/lecture#code=(?:[0-9A-Z]{4}-){3}[0-9A-Z]{4}$/);
    await first.click('#show-recovery');
    const recovery = await first.inputValue('#recovery-code');
    await first.click('#recovery-kept');
    await first.reload();
    await waitForStatus(first, 'live');
    // It is shown once.
    expect(await first.isVisible('#recovery-done')).toBe(true);
    expect(await first.isVisible('#show-recovery')).toBe(false);
    expect(await first.inputValue('#recovery-code')).toBe('');

    const second = (await openPage(phone, link)).page;
    expect(second.url()).toBe(`${site.server.url}/publish/lecture`);
    expect(await second.isVisible('#continue-here')).toBe(true);
    // A link alone stores nothing.
    expect(
      await second.evaluate(() => localStorage.getItem('onecast.publisher.lecture')),
    ).toBeNull();
    await second.click('#continue-here');
    await second.waitForFunction(
      () =>
        document.querySelector('#code-title')?.textContent?.startsWith('This device may') === true,
    );
    expect(await first.getAttribute('#status', 'data-status')).toBe('live');
    await goLive(second);
    await waitForStatus(first, 'superseded');
    await waitForFrames(viewer.page, 10);
    // The device is lost, and so is the first browser. The viewer's tab stays open.
    await phone.close();
    await home.close();

    const last = (await openPage(elsewhere, link)).page;
    await last.click('#continue-here');
    await last.waitForFunction(
      () => document.querySelector('#code-fault')?.textContent?.includes('used already') === true,
    );
    await last.click('#start');
    await waitForStatus(last, 'failed');
    await last.fill('#code', recovery.toLowerCase().replaceAll('-', ' '));
    await last.press('#code', 'Enter');
    await last.waitForSelector('#start:not([hidden])');
    await goLive(last);
    await waitForFrames(viewer.page, 10);
    expect(viewer.faults).toEqual([]);
    await elsewhere.close();
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
