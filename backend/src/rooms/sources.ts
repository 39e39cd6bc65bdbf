import type { SourceState } from '#protocol/signalling.ts';

/** What a publisher sends, by kind. */
export interface Sources {
  readonly video: SourceState;
  readonly audio: SourceState;
}

export const ALL_OFF: Sources = { video: 'off', audio: 'off' };
