import type { Device, types } from 'mediasoup-client';
import type { TransportDescription } from '#protocol/signalling.ts';
import { pathProven } from './path-proof.ts';

export interface SenderEvents {
  connect(transportId: string, dtlsParameters: types.DtlsParameters): void;
  stateChanged(state: types.ConnectionState): void;
  /** @returns the producer's id */
  produce(
    transportId: string,
    kind: types.MediaKind,
    rtpParameters: types.RtpParameters,
  ): Promise<string>;
  produceData(
    transportId: string,
    sctpStreamParameters: types.SctpStreamParameters,
  ): Promise<string>;
  closeProducer(producerId: string): void;
  /** The video is not sent before this resolves. */
  maySend(): Promise<void>;
  /** A sender of video, before its first frame, and what it will encode to (`video/VP8`). */
  videoSender(sender: RTCRtpSender, codec: string | undefined): void;
}

/** Data beyond this would be older than the picture by the time it leaves: it is dropped. */
const OVERLAY_BUFFER_MAX_BYTES = 64 * 1024;
/** Fresh beats complete: a lost message is sent again for so long, then forgotten. */
const OVERLAY_LIFETIME_MS = 500;

/** Simulcast layers by the picture's size; Chromium drops the upper ones of small pictures. */
export function encodingsFor(width: number, height: number): types.RtpEncodingParameters[] {
  const pixels = width * height;
  const layers = [
    { scaleResolutionDownBy: 4, maxBitrate: 150_000 },
    { scaleResolutionDownBy: 2, maxBitrate: 600_000 },
    { scaleResolutionDownBy: 1, maxBitrate: 2_200_000 },
  ];
  if (pixels >= 960 * 540) return layers.map((layer, i) => ({ rid: `r${i}`, ...layer }));
  if (pixels >= 480 * 270) {
    return [
      { rid: 'r0', scaleResolutionDownBy: 2, maxBitrate: 250_000 },
      { rid: 'r1', scaleResolutionDownBy: 1, maxBitrate: 900_000 },
    ];
  }
  return [{ maxBitrate: 500_000 }];
}

/** The publisher's media: one sending transport with video, perhaps audio, and the overlay. */
export class Sender {
  readonly #device: Device;
  readonly #events: SenderEvents;
  #transport: types.Transport | undefined;
  #video: types.Producer | undefined;
  #audio: types.Producer | undefined;
  #data: types.DataProducer | undefined;

  constructor(device: Device, events: SenderEvents) {
    this.#device = device;
    this.#events = events;
  }

  get transportId(): string | undefined {
    return this.#transport && !this.#transport.closed ? this.#transport.id : undefined;
  }

  get state(): types.ConnectionState {
    return this.#transport?.connectionState ?? 'new';
  }

  get producerIds(): string[] {
    return [this.#video, this.#audio, this.#data].flatMap((producer) =>
      producer && !producer.closed ? [producer.id] : [],
    );
  }

  /** A new transport; the one before is closed. */
  open(description: TransportDescription): void {
    this.close();
    const transport = this.#device.createSendTransport(description);
    this.#transport = transport;
    transport.on('connect', ({ dtlsParameters }, done) => {
      this.#events.connect(transport.id, dtlsParameters);
      done();
    });
    transport.on('produce', ({ kind, rtpParameters }, done, fail) => {
      this.#events.produce(transport.id, kind, rtpParameters).then((id) => done({ id }), fail);
    });
    transport.on('producedata', ({ sctpStreamParameters }, done, fail) => {
      this.#events.produceData(transport.id, sctpStreamParameters).then((id) => done({ id }), fail);
    });
    transport.on('connectionstatechange', (state) => {
      if (this.#transport === transport) this.#events.stateChanged(state);
    });
  }

  /** The overlay first: with the video the broadcast begins, and then all of it is there. */
  async produceAll(video: MediaStreamTrack, audio: MediaStreamTrack | undefined): Promise<void> {
    const transport = this.#transport;
    if (!transport) return;
    this.#data = await transport.produceData({
      label: 'overlay',
      ordered: false,
      maxPacketLifeTime: OVERLAY_LIFETIME_MS,
    });
    if (audio) await this.setAudio(audio);
    await this.#events.maySend();
    if (transport.closed) return;
    const { width = 0, height = 0 } = video.getSettings();
    this.#video = await transport.produce({
      track: video,
      encodings: encodingsFor(width, height),
      codecOptions: { videoGoogleStartBitrate: 1_000 },
      // The tracks are the page's own.
      stopTracks: false,
      disableTrackOnPause: false,
      onRtpSender: (sender) => this.#events.videoSender(sender, this.#videoCodec),
    });
  }

  /** Of several that both sides speak the first is taken. */
  get #videoCodec(): string | undefined {
    const codecs = this.#device.sendRtpCapabilities.codecs ?? [];
    return codecs.find(({ kind }) => kind === 'video')?.mimeType;
  }

  async setVideo(track: MediaStreamTrack): Promise<void> {
    if (this.#video && !this.#video.closed) await this.#video.replaceTrack({ track });
  }

  async setAudio(track: MediaStreamTrack | undefined): Promise<void> {
    const transport = this.#transport;
    if (!transport || transport.closed) return;
    const open = this.#audio && !this.#audio.closed ? this.#audio : undefined;
    if (open && track) {
      await open.replaceTrack({ track });
    } else if (open) {
      open.close();
      this.#audio = undefined;
      this.#events.closeProducer(open.id);
    } else if (track) {
      this.#audio = await transport.produce({
        track,
        codecOptions: { opusDtx: true, opusFec: true },
        stopTracks: false,
        disableTrackOnPause: false,
      });
    }
  }

  /** False where the channel is not open, or so full that the message would come too late. */
  sendOverlay(text: string): boolean {
    const data = this.#data;
    if (!data || data.closed || data.readyState !== 'open') return false;
    if (data.bufferedAmount > OVERLAY_BUFFER_MAX_BYTES) return false;
    data.send(text);
    return true;
  }

  async restartIce(iceParameters: types.IceParameters, signal: AbortSignal): Promise<void> {
    const transport = this.#transport;
    if (!transport || transport.closed) return;
    await transport.restartIce({ iceParameters });
    await pathProven(() => transport.getStats(), signal);
  }

  async getStats(): Promise<RTCStatsReport | undefined> {
    const transport = this.#transport;
    return transport && !transport.closed ? transport.getStats() : undefined;
  }

  close(): void {
    this.#transport?.close();
    this.#transport = undefined;
    this.#video = undefined;
    this.#audio = undefined;
    this.#data = undefined;
  }
}
