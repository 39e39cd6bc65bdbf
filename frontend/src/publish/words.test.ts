import { describe, expect, it } from 'vitest';
import type { PublisherStatus } from '#client/connection/types.ts';
import { previewSlate, publisherWords } from './words.ts';

describe('publisherWords', () => {
  it('has words for every status, and the tone live only while live', () => {
    const all: PublisherStatus[] = [
      'idle',
      'connecting',
      'live',
      'reconnecting',
      'superseded',
      'failed',
    ];
    for (const status of all) {
      const words = publisherWords(status, undefined);
      expect(words.short).not.toBe('');
      expect(words.tone === 'live').toBe(status === 'live');
    }
  });

  it('SRC-2 says on air and that there is no picture', () => {
    const words = publisherWords('live', undefined, { hasPicture: false });
    expect(words).toMatchObject({ tone: 'live', short: 'On air, no picture' });
  });

  it('offers to take a broadcast back, and never asks for a reload', () => {
    expect(publisherWords('superseded', undefined).notice?.action).toBe('take-back');
    expect(publisherWords('reconnecting', undefined).notice?.detail).toContain('automatically');
  });

  it('offers a new room if this one belongs to somebody else', () => {
    const failure = { code: 'room-taken', message: 'Somebody else is the publisher.' } as const;
    expect(publisherWords('failed', failure).notice?.action).toBe('new-room');
  });

  it('REACH-1 says why it does not go on air, and offers no button: it keeps trying', () => {
    const diagnosis = { title: 'Your picture can’t get through', detail: 'Open port 17400.' };
    for (const status of ['connecting', 'reconnecting'] as const) {
      const words = publisherWords(status, undefined, { diagnosis });
      expect(words).toMatchObject({ tone: 'trouble', notice: { ...diagnosis, action: undefined } });
    }
    expect(publisherWords('live', undefined, { diagnosis }).notice).toBeUndefined();
  });

  it('LIMIT-7 LIMIT-8 says so if the server has stopped the broadcast', () => {
    for (const code of ['overlay-flood', 'bitrate-exceeded'] as const) {
      const { notice } = publisherWords('failed', { code, message: 'Too much.' });
      expect(notice?.title).toBe('The server has stopped this broadcast');
      expect(notice).toMatchObject({ detail: 'Too much.', action: 'try-again' });
    }
  });

  it('shows the sentence of any other failure', () => {
    const failure = { code: 'gave-up', message: 'The server was not reached.' } as const;
    const { notice } = publisherWords('failed', failure);
    expect(notice).toMatchObject({ detail: failure.message, action: 'try-again' });
  });
});

describe('TOKEN-1 a link without a good token', () => {
  it.each([
    'token-missing',
    'token-invalid',
    'token-expired',
    'token-wrong-room',
    'token-wrong-role',
  ] as const)('%s says what is wrong with the link, and offers no button', (code) => {
    const { notice } = publisherWords('failed', { code, message: 'the server’s sentence' });
    expect(notice?.action).toBe('new-link');
    expect(notice?.title).toMatch(/^This link /);
    expect(notice?.detail).toMatch(/\bask\b/i);
  });

  it('is shown before anybody presses start', () => {
    expect(publisherWords('idle', undefined).notice).toBeUndefined();
    expect(publisherWords('idle', undefined, { lacksToken: true }).notice).toMatchObject({
      title: 'This link is not complete',
      action: 'new-link',
    });
  });
});

describe('previewSlate', () => {
  it('shows a fault in place of the video', () => {
    const fault = { code: 'in-use', title: 'Title', advice: 'Advice' } as const;
    expect(previewSlate({ kind: 'off' }, fault)).toEqual({
      title: 'Title',
      detail: 'Advice',
      offer: 'again',
    });
  });

  it.each(['camera', 'screen'] as const)('SRC-2 says that the system mutes the %s', (from) => {
    const track = {} as MediaStreamTrack;
    const on = {
      kind: 'on',
      from,
      track,
      deviceId: 'a',
      label: 'FaceCam',
      insteadOf: undefined,
    } as const;
    expect(previewSlate({ ...on, muted: true }, undefined)?.title).toMatch(/system/i);
    expect(previewSlate({ ...on, muted: false }, undefined)).toBeUndefined();
  });

  it('names the camera that was lost and offers others', () => {
    const slate = previewSlate(
      { kind: 'lost', from: 'camera', deviceId: 'a', label: 'FaceCam', waitsFor: 'device' },
      undefined,
    );
    expect(slate?.title).toContain('FaceCam');
    expect(slate?.offer).toBe('others');
  });
});
