import { describe, expect, it, test } from 'vitest';
import type { ViewerStatus } from './types.ts';
import { type ViewerFacts, viewerStatus } from './viewer-status.ts';

const facts = (given: Partial<ViewerFacts>): ViewerFacts => ({
  failed: false,
  phase: 'live',
  room: 'live',
  video: 'on',
  mediaUp: false,
  flowing: false,
  everFlowed: false,
  ...given,
});

const PHASES: readonly ViewerFacts['phase'][] = [
  'idle',
  'connecting',
  'joining',
  'negotiating',
  'live',
  'repairing',
  'waiting',
  'resuming',
  'rebuilding',
];
const ROOMS: readonly ViewerFacts['room'][] = [
  undefined,
  'open',
  'live',
  'interrupted',
  'ended',
  'closed',
];

describe('viewerStatus', () => {
  test.each<[string, Partial<ViewerFacts>, ViewerStatus]>([
    ['a page just opened', { phase: 'connecting', room: undefined }, 'connecting'],
    ['joined, no video yet', {}, 'connecting'],
    ['SRC-2 no frame is due: the camera is off', { video: 'off' }, 'live'],
    ['SRC-2 no frame is due: the camera is muted', { video: 'muted', everFlowed: true }, 'live'],
    [
      'SRC-2 no frame is due, signalling is down and the media is up',
      { phase: 'waiting', mediaUp: true, video: 'off' },
      'live',
    ],
    [
      'SRC-2 the camera is off, and the page’s own media is not up',
      { phase: 'repairing', video: 'off', everFlowed: true },
      'reconnecting',
    ],
    [
      'SRC-2 the camera is off, and the publisher is away',
      { room: 'interrupted', video: 'off' },
      'waiting',
    ],
    ['there was no broadcast yet', { room: 'open' }, 'waiting'],
    ['the video flows', { flowing: true, everFlowed: true }, 'live'],
    [
      'the video flows while signalling is down',
      { phase: 'waiting', flowing: true, everFlowed: true },
      'live',
    ],
    [
      'the video still flows although the server has lost the publisher',
      { room: 'interrupted', flowing: true, everFlowed: true },
      'live',
    ],
    ['the publisher is away', { room: 'interrupted', everFlowed: true }, 'waiting'],
    ['the broadcast is over', { room: 'ended', everFlowed: true }, 'ended'],
    [
      'the broadcast is over while its last frames arrive',
      { room: 'ended', flowing: true, everFlowed: true },
      'ended',
    ],
    ['the connection is being repaired', { phase: 'repairing', everFlowed: true }, 'reconnecting'],
    ['the video has stalled', { everFlowed: true }, 'reconnecting'],
    ['the page has left', { phase: 'ended', everFlowed: true }, 'ended'],
    ['refused, and not to be tried again', { phase: 'failed' }, 'failed'],
    ['the browser is not supported', { failed: true, phase: 'ended' }, 'failed'],
  ])('UI-1 %s', (_what, given, status) => {
    expect(viewerStatus(facts(given))).toBe(status);
  });

  it('UI-1 video that flows is live in every phase, and in every room that has not ended', () => {
    for (const phase of PHASES) {
      for (const room of ROOMS.filter((status) => status !== 'ended')) {
        expect(viewerStatus(facts({ phase, room, flowing: true, everFlowed: true }))).toBe('live');
      }
    }
  });

  it('UI-1 a page that has shown video is never connecting again', () => {
    for (const phase of PHASES) {
      for (const room of ROOMS) {
        expect(viewerStatus(facts({ phase, room, everFlowed: true }))).not.toBe('connecting');
      }
    }
  });
});
