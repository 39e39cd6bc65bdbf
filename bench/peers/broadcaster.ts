/** What the bench needs from a server, ours or another: a publisher and viewers that watch it. */
import type { Feedback, Generator, Stream } from '../loadgen/generator.ts';

export interface Broadcaster {
  readonly name: string;
  /** Root processes of the server; their child processes count too. */
  readonly pids: readonly number[];
  /** Connects leg 0 of `generator`. @returns how the generator must mark the packets of its stream */
  publish(generator: Generator): Promise<Stream>;
  /** Connects a viewer; resolves when its DTLS is up. `sampled` viewers decrypt and check packets. */
  watch(generator: Generator, id: number, sampled: boolean): Promise<void>;
  close(): Promise<void>;
}

export interface StartOptions {
  /** The core that the server is pinned to; undefined: all cores. */
  readonly core: number | undefined;
}

/** A server under comparison; it can be started many times. */
export interface Contender {
  readonly id: string;
  readonly title: string;
  start(options: StartOptions): Promise<Broadcaster>;
}

/** The generator's leg that publishes. */
export const PUBLISHER = 0;
export const SSRC = 0x0c0ffee1;

/** Header extensions with the ids that mediasoup prefers. */
export const EXTENSIONS = {
  mid: { id: 1, uri: 'urn:ietf:params:rtp-hdrext:sdes:mid' },
  absSendTime: { id: 4, uri: 'http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time' },
  transportCc: {
    id: 5,
    uri: 'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
  },
} as const;

export const REPORTS_ONLY: Feedback = { kind: 'rr' };
