import type { Device, types } from 'mediasoup-client';
import { OnecastError } from '#protocol/errors.ts';
import type { TransportDescription } from '#protocol/signalling.ts';
import type { MediaAddress } from '../connection/diagnosis.ts';
import type { WatchedTransport } from '../connection/diagnosis-watch.ts';
import { mediaAddresses } from './media-addresses.ts';
import { waitUntilPathWorks } from './path-proof.ts';
import { type SentTracks, stateOfTrack } from './sent-sources.ts';
import { SentVideo } from './sent-video.ts';

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
  /** The video's size has changed: `match` must be called again, and makes the layers for it. */
  videoOutgrown(): void;
  /** Called before the first video frame. `codec` is the MIME type it will be encoded to (`video/VP8`). */
  videoSenderCreated(sender: RTCRtpSender, codec: string | undefined): void;
}

/** With more than this waiting, a new message would leave later than its video frame: it is dropped. */
const OVERLAY_BUFFER_MAX_BYTES = 64 * 1024;
/** For how long SCTP retransmits a lost message. Overlay data prefers fresh to complete. */
const OVERLAY_LIFETIME_MS = 500;

/** The publisher's media: one sending transport with video, optional audio, and the overlay channel. */
export class Sender {
  readonly #device: Device;
  readonly #events: SenderEvents;
  #queue: Promise<unknown> = Promise.resolve();
  #transport: types.Transport | undefined;
  #video: SentVideo | undefined;
  #audio: types.Producer | undefined;
  #data: types.DataProducer | undefined;
  #servers: readonly MediaAddress[] = [];
  /** The server was asked for the overlay's channel: until then, a failure is the browser's. */
  #dataRequested = false;
  /** The browser opens no data channel. */
  #dataRefused = false;

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
    const others = [this.#audio, this.#data].flatMap((producer) =>
      producer && !producer.closed ? [producer.id] : [],
    );
    return this.#video?.producerId === undefined ? others : [this.#video.producerId, ...others];
  }

  /** Closes the present transport and creates a new one. */
  open(description: TransportDescription): void {
    this.close();
    const transport = this.#device.createSendTransport(description);
    this.#transport = transport;
    this.#servers = mediaAddresses(description);
    this.#dataRequested = false;
    this.#dataRefused = false;
    this.#video = new SentVideo(
      transport,
      (sender) => this.#events.videoSenderCreated(sender, this.#videoCodec),
      () => this.#events.videoOutgrown(),
    );
    transport.on('connect', ({ dtlsParameters }, done) => {
      this.#events.connect(transport.id, dtlsParameters);
      done();
    });
    transport.on('produce', ({ kind, rtpParameters }, done, fail) => {
      this.#events.produce(transport.id, kind, rtpParameters).then((id) => done({ id }), fail);
    });
    transport.on('producedata', ({ sctpStreamParameters }, done, fail) => {
      this.#dataRequested = true;
      this.#events.produceData(transport.id, sctpStreamParameters).then((id) => done({ id }), fail);
    });
    transport.on('connectionstatechange', (state) => {
      if (this.#transport === transport) this.#events.stateChanged(state);
    });
  }

  /**
   * Makes what is sent match these tracks. A track that has ended is not sent, and a part that can't be
   * made does not keep the others from being made. Video comes last: viewers see the broadcast begin
   * with it, and by then the rest exists. Calls run one after another.
   * @throws OnecastError where the server refuses a part
   */
  match(tracks: SentTracks): Promise<void> {
    const run = this.#queue.then(() => this.#match(tracks));
    this.#queue = run.catch(() => undefined);
    return run;
  }

  async #match({ video, audio }: SentTracks): Promise<void> {
    const transport = this.#transport;
    if (!transport) return;
    const refused: unknown[] = [];
    const attempt = async (part: string, make: () => Promise<void>) => {
      if (transport.closed) return;
      try {
        await make();
      } catch (error) {
        if (error instanceof OnecastError) refused.push(error);
        // A track may end at any moment, and a browser may lack a part.
        else if (!transport.closed) console.warn(`onecast: ${part} is not sent:`, error);
      }
    };
    await attempt('the overlay', () => this.#matchOverlay(transport));
    await attempt('audio', () => this.#matchAudio(transport, sendable(audio)));
    await this.#events.maySend();
    await attempt('video', async () => this.#video?.send(sendable(video)));
    if (refused.length > 0) throw refused[0];
  }

  async #matchOverlay(transport: types.Transport): Promise<void> {
    if ((this.#data && !this.#data.closed) || this.#dataRefused) return;
    try {
      this.#data = await transport.produceData({
        label: 'overlay',
        ordered: false,
        maxPacketLifeTime: OVERLAY_LIFETIME_MS,
      });
    } catch (error) {
      this.#dataRefused = !this.#dataRequested && !transport.closed;
      throw error;
    }
  }

  /** The transport, as the diagnosis of a connection needs it; undefined while there is none. */
  get watched(): WatchedTransport | undefined {
    const id = this.transportId;
    if (id === undefined) return undefined;
    const isOpen = this.#data?.readyState === 'open';
    const data = this.#dataRefused ? 'refused' : isOpen ? 'open' : 'opening';
    return { id, servers: this.#servers, data, expectsMedia: this.producerIds.length > 0 };
  }

  /** mediasoup-client uses the first codec that both sides support. */
  get #videoCodec(): string | undefined {
    const codecs = this.#device.sendRtpCapabilities.codecs ?? [];
    return codecs.find(({ kind }) => kind === 'video')?.mimeType;
  }

  /** Without a track there is no audio producer: viewers then have no control for sound. */
  async #matchAudio(
    transport: types.Transport,
    track: MediaStreamTrack | undefined,
  ): Promise<void> {
    const open = this.#audio && !this.#audio.closed ? this.#audio : undefined;
    if (open && track) {
      if (open.track !== track) await open.replaceTrack({ track });
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
    this.#video?.close();
    this.#video = undefined;
    this.#transport?.close();
    this.#transport = undefined;
    this.#audio = undefined;
    this.#data = undefined;
  }
}

/** A muted track is sent too: its producer is there when it is unmuted. */
function sendable(track: MediaStreamTrack | undefined): MediaStreamTrack | undefined {
  return stateOfTrack(track) === 'off' ? undefined : track;
}
