/** What the bench wants of a server, ours or another: one publisher on air and viewers to watch. */
import type { Feedback, Generator, Stream } from '../loadgen/generator.ts';

export interface Broadcaster {
  readonly name: string;
  /** Its processes' roots; those below them count as well. */
  readonly pids: readonly number[];
  /** Connects leg 0 of `generator` and says how its stream is to be marked. */
  publish(generator: Generator): Promise<Stream>;
  /** Connects a viewer; resolves when its DTLS is up. */
  watch(generator: Generator, id: number, sampled: boolean): Promise<void>;
  close(): Promise<void>;
}

export interface Place {
  /** The core it is to stay on; undefined: all of them. */
  readonly core: number | undefined;
}

/** A server that can be started, again and again. */
export interface Contender {
  readonly id: string;
  readonly title: string;
  start(place: Place): Promise<Broadcaster>;
}

export const PUBLISHER = 0;
export const SSRC = 0x0c0ffee1;

/** Header extensions by the ids that mediasoup prefers. */
export const EXTENSIONS = {
  mid: { id: 1, uri: 'urn:ietf:params:rtp-hdrext:sdes:mid' },
  absSendTime: { id: 4, uri: 'http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time' },
  transportCc: {
    id: 5,
    uri: 'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
  },
} as const;

export const REPORTS_ONLY: Feedback = { kind: 'rr' };
