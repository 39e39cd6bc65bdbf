import type { Device, types } from 'mediasoup-client';
import type { TransportDescription } from '#protocol/signalling.ts';
import { waitUntilPathWorks } from './path-proof.ts';

export interface SenderEvents {
  /** The page's DTLS parameters must reach the server. The sender does not wait for an answer. */
  connect(transportId: string, dtlsParameters: types.DtlsParameters): void;
  stateChanged(state: types.ConnectionState): void;
  /** @returns the id of the server's producer */
  produce(
    transportId: string,
    kind: types.MediaKind,
    rtpParameters: types.RtpParameters,
  ): Promise<string>;
  /** @returns the id of the server's data producer */
  produceData(
    transportId: string,
    sctpStreamParameters: types.SctpStreamParameters,
  ): Promise<string>;
  closeProducer(producerId: string): void;
  /** No video is sent before this promise resolves. */
  maySend(): Promise<void>;
  /** Called before the first video frame. `codec` is the MIME type it will be encoded to (`video/VP8`). */
  videoSenderCreated(sender: RTCRtpSender, codec: string | undefined): void;
}

/** With more than this waiting, a new message would leave later than its video frame: it is dropped. */
const OVERLAY_BUFFER_MAX_BYTES = 64 * 1024;
/** For how long SCTP retransmits a lost message. Overlay data prefers fresh to complete. */
const OVERLAY_LIFETIME_MS = 500;

/**
 * Simulcast layers for a video of this size in pixels, bitrates in bit/s. A small video has fewer
 * layers because Chromium drops its upper ones.
 */
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

/** The publisher's media: one sending transport with video, optional audio, and the overlay channel. */
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

  /** Closes the present transport and creates a new one. */
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

  /** Video last: the broadcast begins with it, and by then the rest exists. */
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
      // The page owns the tracks.
      stopTracks: false,
      disableTrackOnPause: false,
      onRtpSender: (sender) => this.#events.videoSenderCreated(sender, this.#videoCodec),
    });
  }

  /** mediasoup-client uses the first codec that both sides support. */
  get #videoCodec(): string | undefined {
    const codecs = this.#device.sendRtpCapabilities.codecs ?? [];
    return codecs.find(({ kind }) => kind === 'video')?.mimeType;
  }

  async setVideo(track: MediaStreamTrack): Promise<void> {
    if (this.#video && !this.#video.closed) await this.#video.replaceTrack({ track });
  }

  /** Adds, replaces or (`undefined`) removes the audio. */
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

  /** @returns false if the channel is not open, or so full that the message would arrive too late */
  sendOverlay(text: string): boolean {
    const data = this.#data;
    if (!data || data.closed || data.readyState !== 'open') return false;
    if (data.bufferedAmount > OVERLAY_BUFFER_MAX_BYTES) return false;
    data.send(text);
    return true;
  }

  /** Restarts ICE with the server's new parameters; resolves when data arrives on the path. */
  async restartIce(iceParameters: types.IceParameters, signal: AbortSignal): Promise<void> {
    const transport = this.#transport;
    if (!transport || transport.closed) return;
    await transport.restartIce({ iceParameters });
    await waitUntilPathWorks(() => transport.getStats(), signal);
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
