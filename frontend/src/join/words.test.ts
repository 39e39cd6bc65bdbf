import { RoomIdSchema } from '#protocol/ids.ts';
import type { RoomView } from '#protocol/signalling.ts';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import type { ViewerStatus } from '#client/connection/types.ts';
import { viewerWords } from './words.ts';

const room = (status: RoomView['status'], more: Partial<RoomView> = {}): RoomView => ({
  roomId: v.parse(RoomIdSchema, 'studio'),
  status,
  epoch: 1,
  viewers: 1,
  video: 'on',
  audio: 'off',
  ...more,
});

describe('viewerWords', () => {
  it('has words for every status, and a slate whenever there is no moving video', () => {
    const all: ViewerStatus[] = [
      'connecting',
      'live',
      'reconnecting',
      'waiting',
      'ended',
      'failed',
    ];
    for (const status of all) {
      const words = viewerWords(status, undefined, undefined);
      expect(words.short).not.toBe('');
      expect(words.slate === undefined).toBe(status === 'live' || status === 'reconnecting');
    }
  });

  it('shows only a running broadcast as live', () => {
    expect(viewerWords('live', room('live'), undefined).tone).toBe('live');
    expect(viewerWords('reconnecting', room('live'), undefined).tone).toBe('busy');
  });

  it.each([
    ['muted', 'The publisher’s camera is paused'],
    ['off', 'The publisher’s camera is off'],
  ] as const)('SRC-2 says that the camera is %s, and shows the overlay', (video, title) => {
    const silent = viewerWords('live', room('live'), undefined, video);
    expect(silent).toMatchObject({ tone: 'live', slate: { title }, frame: 'dimmed-under-overlay' });
    expect(silent.slate?.detail).not.toContain('sound');
    const heard = viewerWords('live', room('live', { audio: 'on' }), undefined, video);
    expect(heard.slate?.detail).toContain('The sound goes on.');
  });

  it('distinguishes a publisher that has not started from one that lost its connection', () => {
    const open = viewerWords('waiting', room('open'), undefined);
    expect(open.slate?.title).toBe('Waiting for the publisher');
    expect(open.frame).toBe('shown');

    const cut = viewerWords(
      'waiting',
      room('interrupted', { interruption: { reason: 'publisher-lost', remainingMs: 1000 } }),
      undefined,
    );
    expect(cut.slate?.title).toBe('The publisher is reconnecting…');
    expect(cut.frame).toBe('dimmed');
  });

  it('does not blame the publisher for a failure of the server', () => {
    const words = viewerWords(
      'waiting',
      room('interrupted', { interruption: { reason: 'worker-lost', remainingMs: 1000 } }),
      undefined,
    );
    expect(words.slate?.detail).toContain('server');
  });

  it('says that an ended broadcast comes back automatically', () => {
    const words = viewerWords('ended', room('ended'), undefined);
    expect(words.slate?.detail).toContain('automatically');
    expect(words.frame).toBe('shown');
  });

  it('shows the sentence of the failure', () => {
    const failure = {
      code: 'browser-unsupported',
      message: 'This browser has no WebRTC.',
    } as const;
    expect(viewerWords('failed', undefined, failure).slate?.detail).toBe(failure.message);
  });

  it('REACH-1 says why it does not connect, over the last frame if there is one', () => {
    const diagnosis = { title: 'The picture can’t get through', detail: 'Open port 17400.' };
    const first = viewerWords('connecting', undefined, undefined, 'on', diagnosis);
    expect(first).toMatchObject({ tone: 'trouble', slate: diagnosis, frame: 'shown' });
    const later = viewerWords('reconnecting', room('live'), undefined, 'on', diagnosis);
    expect(later).toMatchObject({ slate: diagnosis, frame: 'dimmed' });
    expect(viewerWords('live', room('live'), undefined, 'on', diagnosis).slate).toBeUndefined();
  });

  it.each([
    'token-missing',
    'token-invalid',
    'token-expired',
    'token-wrong-room',
    'token-wrong-role',
  ] as const)('TOKEN-1 %s says what is wrong with the link, and what to do', (code) => {
    const words = viewerWords('failed', undefined, { code, message: 'the server’s sentence' });
    expect(words.short).toBe('Not let in');
    expect(words.slate?.title).toMatch(/^This link /);
    expect(words.slate?.detail).toMatch(/\bask\b/i);
    // Viewers don't know what a token is.
    expect(JSON.stringify(words)).not.toContain('oken');
  });
});
