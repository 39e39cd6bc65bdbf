/**
 * An encoder in OBS's shape: OBS's own WebRTC library (libdatachannel) with the chain of handlers that OBS
 * sets up, publishing by WHIP as OBS does. It sends H264 that the caller provides.
 */
import {
  Audio,
  H264RtpPacketizer,
  PeerConnection,
  RtcpNackResponder,
  RtcpSrReporter,
  RtpPacketizationConfig,
  type Track,
  Video,
} from 'node-datachannel';

const VIDEO_SSRC = 1_201_893_422;
const AUDIO_SSRC = 1_201_893_421;
const CNAME = 'onecast-test';
const CLOCK_RATE = 90_000;

export interface Published {
  readonly status: number;
  /** Absolute URL of the WHIP session. */
  readonly session: string;
  readonly etag: string | null;
  readonly answer: string;
}

export class ObsEncoder implements AsyncDisposable {
  readonly #peer = new PeerConnection('obs', {
    iceServers: [],
    disableAutoNegotiation: true,
  });
  readonly #video: Track;
  readonly #audio: Track;
  readonly #config: RtpPacketizationConfig;
  readonly #bearer: string;
  #session: string | undefined;

  constructor(bearer: string) {
    this.#bearer = bearer;
    const audio = new Audio('0', 'SendOnly');
    audio.addOpusCodec(111);
    audio.addSSRC(AUDIO_SSRC, CNAME, CNAME, `${CNAME}-audio`);
    this.#audio = this.#peer.addTrack(audio);
    const video = new Video('1', 'SendOnly');
    video.addH264Codec(96);
    video.addSSRC(VIDEO_SSRC, CNAME, CNAME, `${CNAME}-video`);
    this.#video = this.#peer.addTrack(video);
    this.#config = new RtpPacketizationConfig(VIDEO_SSRC, CNAME, 96, CLOCK_RATE);
    const packetizer = new H264RtpPacketizer('StartSequence', this.#config, 1_200);
    packetizer.addToChain(new RtcpSrReporter(this.#config));
    packetizer.addToChain(new RtcpNackResponder());
    this.#video.setMediaHandler(packetizer);
  }

  /** Publishes at `url`, and waits until DTLS is up. @throws when the server refuses */
  async publish(url: string): Promise<Published> {
    const connected = new Promise<void>((resolve, reject) => {
      this.#peer.onStateChange((state) => {
        if (state === 'connected') resolve();
        if (state === 'failed' || state === 'closed') reject(new Error(`the encoder is ${state}`));
      });
    });
    connected.catch(() => undefined);
    this.#peer.setLocalDescription('offer');
    const offer = this.#peer.localDescription()?.sdp ?? '';
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/sdp',
        Authorization: `Bearer ${this.#bearer}`,
        'User-Agent': 'Mozilla/5.0 (OBS-Studio/32.2.2; Linux x86_64; en-US)',
      },
      body: offer,
    });
    const answer = await response.text();
    if (response.status !== 201) throw new Error(`${response.status}: ${answer}`);
    this.#session = new URL(response.headers.get('location') ?? '', url).href;
    this.#peer.setRemoteDescription(answer, 'answer');
    await connected;
    const { status, headers } = response;
    return { status, session: this.#session, etag: headers.get('etag'), answer };
  }

  /** Sends one access unit (Annex B). @param atMs its time since the start of the stream */
  sendFrame(unit: Uint8Array, atMs: number): void {
    this.#config.timestamp = Math.round(atMs * (CLOCK_RATE / 1_000)) >>> 0;
    this.#video.sendMessageBinary(Buffer.from(unit));
  }

  /** Ends the broadcast as OBS does. Returns the status. */
  async stop(): Promise<number> {
    if (this.#session === undefined) throw new Error('the encoder has not published');
    const headers = { Authorization: `Bearer ${this.#bearer}` };
    const response = await fetch(this.#session, { method: 'DELETE', headers });
    await response.arrayBuffer();
    return response.status;
  }

  get isConnected(): boolean {
    return this.#peer.state() === 'connected';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#video.close();
    this.#audio.close();
    this.#peer.close();
  }
}
