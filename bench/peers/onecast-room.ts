/** One room of our server, by our signalling: the load generator does the media of publisher and viewers. */
import fixture from '#protocol/fixtures/chromium-156.json' with { type: 'json' };
import type { AnswerOf } from '#protocol/signalling.ts';
import { PROTOCOL_VERSION } from '#protocol/version.ts';
import { LoadClient } from '#testkit/signalling/load-client.ts';
import type { Feedback, Generator, Stream } from '../loadgen/generator.ts';
import { EXTENSIONS, PUBLISHER, REPORTS_ONLY, SSRC } from './broadcaster.ts';

/**
 * The congestion feedback in the viewers' RTP capabilities:
 * - `twcc`: Chromium's own, of which the server chooses transport-cc
 * - `remb`: the same without transport-cc
 */
export const CONGESTION_CONTROLS = ['twcc', 'remb'] as const;
export type CongestionControl = (typeof CONGESTION_CONTROLS)[number];

export interface OnecastRoomOptions {
  readonly room?: string;
  readonly congestion?: CongestionControl;
  /** Also opens the overlay's data channel. */
  readonly data?: boolean;
  /** Added to a leg's number for its own loopback address, so that rooms don't share addresses. */
  readonly firstAddress?: number;
}

export class OnecastRoom {
  /** Number of joined viewers by the media port of their worker. */
  readonly viewersByPort = new Map<number, number>();
  readonly #url: string;
  readonly #room: string;
  readonly #congestion: CongestionControl;
  readonly #data: boolean;
  readonly #firstAddress: number;
  readonly #callers: LoadClient[] = [];

  constructor(
    url: string,
    {
      room = 'bench',
      congestion = 'twcc',
      data = false,
      firstAddress = 0,
    }: OnecastRoomOptions = {},
  ) {
    this.#url = url;
    this.#room = room;
    this.#congestion = congestion;
    this.#data = data;
    this.#firstAddress = firstAddress;
  }

  /** Connects leg 0. Resolves with how the generator must mark the packets of its stream. */
  async publish(generator: Generator): Promise<Stream> {
    const caller = await this.#caller(PUBLISHER);
    const { transport } = (await caller.request('publish', {
      protocol: PROTOCOL_VERSION,
      room: this.#room,
    })) as AnswerOf<'publish'>;
    await this.#connect(generator, caller, transport, PUBLISHER, 0, true, REPORTS_ONLY);
    if (this.#data) {
      const sctpStreamParameters = { streamId: 0, ordered: false, maxPacketLifeTime: 500 };
      await caller.request('produceData', { transportId: transport.id, sctpStreamParameters });
    }
    await caller.request('produce', {
      transportId: transport.id,
      kind: 'video',
      rtpParameters: oneLayer(),
    });
    const { mid, absSendTime, transportCc } = EXTENSIONS;
    return {
      ssrc: SSRC,
      payloadType: PAYLOAD_TYPE,
      mid: mid.id,
      absSendTime: absSendTime.id,
      transportCc: transportCc.id,
    };
  }

  /** Connects a viewer. Resolves with its socket when DTLS is up. */
  async watch(generator: Generator, id: number, sampled: boolean): Promise<LoadClient> {
    const caller = await this.#caller(id);
    const answer = (await caller.request('join', {
      protocol: PROTOCOL_VERSION,
      room: this.#room,
      rtpCapabilities: capabilities(this.#congestion),
    })) as AnswerOf<'join'>;
    const video = answer.media.consumers.find(({ kind }) => kind === 'video');
    const ssrc = video?.rtpParameters.encodings?.[0]?.ssrc;
    if (!video || ssrc === undefined) throw new Error('nothing is broadcast');
    const feedback = feedbackOf(video.rtpParameters);
    const port = answer.transport.iceCandidates[0]?.port ?? 0;
    this.viewersByPort.set(port, (this.viewersByPort.get(port) ?? 0) + 1);
    await this.#connect(generator, caller, answer.transport, id, ssrc, sampled, feedback);
    await caller.request('resumeConsumers', {
      consumerIds: answer.media.consumers.map((consumer) => consumer.id),
    });
    return caller;
  }

  close(): void {
    for (const caller of this.#callers) caller.close();
  }

  async #caller(index: number): Promise<LoadClient> {
    const caller = new LoadClient(this.#url, this.#firstAddress + index);
    this.#callers.push(caller);
    await caller.connected();
    return caller;
  }

  async #connect(
    generator: Generator,
    caller: LoadClient,
    transport: AnswerOf<'join'>['transport'],
    id: number,
    ssrc: number,
    sampled: boolean,
    feedback: Feedback,
  ): Promise<void> {
    const candidate = transport.iceCandidates.find(({ protocol }) => protocol === 'udp');
    if (!candidate) throw new Error('no candidate');
    const up = this.#data ? generator.dataUp(id) : generator.up(id);
    const { usernameFragment, password } = transport.iceParameters;
    const { ip, port } = candidate;
    generator.open({
      id,
      ip,
      port,
      usernameFragment,
      password,
      ssrc,
      sampled,
      feedback,
      data: this.#data,
    });
    await caller.request('connectTransport', {
      transportId: transport.id,
      dtlsParameters: {
        role: 'client',
        fingerprints: [{ algorithm: 'sha-256', value: generator.fingerprint }],
      },
    });
    await up;
  }
}

const PAYLOAD_TYPE = 96;

/** RTP parameters that a browser sends for VP8 without layers. */
function oneLayer(): object {
  const { mid, absSendTime, transportCc } = EXTENSIONS;
  const [vp8, rtx] = fixture.simulcastVp8.codecs;
  return {
    mid: '0',
    codecs: [
      { ...vp8, payloadType: PAYLOAD_TYPE },
      { ...rtx, payloadType: PAYLOAD_TYPE + 1, parameters: { apt: PAYLOAD_TYPE } },
    ],
    headerExtensions: [mid, absSendTime, transportCc].map((extension) => ({
      ...extension,
      encrypt: false,
      parameters: {},
    })),
    encodings: [{ ssrc: SSRC, rtx: { ssrc: SSRC + 1 }, dtx: false }],
    rtcp: { cname: 'bench', reducedSize: true },
  };
}

function capabilities(congestion: CongestionControl): object {
  const { rtpCapabilities } = fixture;
  if (congestion === 'twcc') return rtpCapabilities;
  const codecs = rtpCapabilities.codecs.map((codec) => ({
    ...codec,
    rtcpFeedback: codec.rtcpFeedback.filter(({ type }) => type !== 'transport-cc'),
  }));
  const headerExtensions = rtpCapabilities.headerExtensions.filter(
    ({ uri }) => uri !== EXTENSIONS.transportCc.uri,
  );
  return { ...rtpCapabilities, codecs, headerExtensions };
}

/** The feedback that a browser with these RTP parameters sends. */
function feedbackOf(parameters: {
  readonly codecs: readonly { readonly rtcpFeedback?: readonly { readonly type: string }[] }[];
  readonly headerExtensions?: readonly { readonly uri: string; readonly id: number }[];
}): Feedback {
  const types = parameters.codecs.flatMap(({ rtcpFeedback }) => rtcpFeedback ?? []);
  const extension = parameters.headerExtensions?.find(
    ({ uri }) => uri === EXTENSIONS.transportCc.uri,
  );
  if (extension && types.some(({ type }) => type === 'transport-cc')) {
    return { kind: 'twcc', id: extension.id };
  }
  return { kind: types.some(({ type }) => type === 'goog-remb') ? 'remb' : 'rr' };
}
