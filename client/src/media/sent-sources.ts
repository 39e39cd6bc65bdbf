/** What the tracks that a publisher's page sends are doing, as the server and the viewers are to know. */
import type { SourceState } from '#protocol/signalling.ts';

export interface SourceStates {
  readonly video: SourceState;
  readonly audio: SourceState;
}

/** The tracks that a publisher sends; a part without a track, or with one that has ended, is off. */
export interface SentTracks {
  readonly video?: MediaStreamTrack | undefined;
  readonly audio?: MediaStreamTrack | undefined;
}

/** `muted`: the browser reports that the system gives no frames or samples for now. */
export function stateOfTrack(track: MediaStreamTrack | undefined): SourceState {
  if (!track || track.readyState === 'ended') return 'off';
  return track.muted ? 'muted' : 'on';
}

const TRACK_EVENTS = ['mute', 'unmute', 'ended'] as const;

/** Holds the tracks that are sent, and reports when one of them ends or is muted or unmuted. */
export class SentSources {
  readonly #changed: () => void;
  #tracks: SentTracks = {};
  #listening = new AbortController();

  /** `changed` is called for events of the tracks, not for `tracks` being set. */
  constructor(tracks: SentTracks, changed: () => void) {
    this.#changed = changed;
    this.tracks = tracks;
  }

  get tracks(): SentTracks {
    return this.#tracks;
  }

  set tracks(tracks: SentTracks) {
    this.#listening.abort();
    this.#listening = new AbortController();
    this.#tracks = tracks;
    const { signal } = this.#listening;
    for (const track of [tracks.video, tracks.audio]) {
      for (const name of TRACK_EVENTS) track?.addEventListener(name, this.#changed, { signal });
    }
  }

  get states(): SourceStates {
    const { video, audio } = this.#tracks;
    return { video: stateOfTrack(video), audio: stateOfTrack(audio) };
  }

  /** Idempotent. */
  close(): void {
    this.#listening.abort();
  }
}
