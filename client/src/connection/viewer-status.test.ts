import { describe, expect, it, test } from 'vitest';
import type { ViewerStatus } from './types.ts';
import { type ViewerFacts, viewerStatus } from './viewer-status.ts';

const facts = (given: Partial<ViewerFacts>): ViewerFacts => ({
  failed: false,
  phase: 'live',
  room: 'live',
  flowing: false,
  everLive: false,
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
    ['joined, no picture yet', {}, 'connecting'],
    ['nobody has published', { room: 'open' }, 'waiting'],
    ['the picture moves', { flowing: true, everLive: true }, 'live'],
    [
      'the picture moves while signalling is away',
      { phase: 'waiting', flowing: true, everLive: true },
      'live',
    ],
    [
      'the picture still moves though the server calls the publisher lost',
      { room: 'interrupted', flowing: true, everLive: true },
      'live',
    ],
    ['the publisher is away', { room: 'interrupted', everLive: true }, 'waiting'],
    ['the broadcast is over', { room: 'ended', everLive: true }, 'ended'],
    [
      'the broadcast is over while its last frames come',
      { room: 'ended', flowing: true, everLive: true },
      'ended',
    ],
    ['the line is being mended', { phase: 'repairing', everLive: true }, 'reconnecting'],
    ['the picture stood still', { everLive: true }, 'reconnecting'],
    ['the page has left', { phase: 'ended', everLive: true }, 'ended'],
    ['refused for good', { phase: 'failed' }, 'failed'],
    ['the browser can not do it', { failed: true, phase: 'ended' }, 'failed'],
  ])('UI-1 %s', (_what, given, status) => {
    expect(viewerStatus(facts(given))).toBe(status);
  });

  it('UI-1 a picture that moves is live in every phase and room but an ended one', () => {
    for (const phase of PHASES) {
      for (const room of ROOMS.filter((status) => status !== 'ended')) {
        expect(viewerStatus(facts({ phase, room, flowing: true, everLive: true }))).toBe('live');
      }
    }
  });

  it('UI-1 a page that has shown a picture never says that it connects', () => {
    for (const phase of PHASES) {
      for (const room of ROOMS) {
        expect(viewerStatus(facts({ phase, room, everLive: true }))).not.toBe('connecting');
      }
    }
  });
});
