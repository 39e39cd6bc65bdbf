/**
 * Pictures for analysis where the browser does not hand out what the camera captures: decoded from
 * what is sent. Each is then surely the frame with the name that it was sent under, at the price of
 * the encoder's quality and the time it takes.
 */

/** Frames that wait for the decoder; one that finds more begins anew with a key frame. */
const QUEUE_MAX = 4;

/** A frame of VP8, as the encoder made it. */
export interface IdentifiedFrame<Name> {
  /** Another layer begins anew. */
  readonly ssrc: number;
  readonly data: ArrayBuffer;
  readonly isKey: boolean;
  readonly name: Name;
}

export class DecodedFrames<Name> {
  readonly #output: (picture: VideoFrame, name: Name) => void;
  readonly #names = new Map<number, Name>();
  #decoder: VideoDecoder | undefined;
  #ssrc: number | undefined;
  #count = 0;

  /** `output` closes the picture. */
  constructor(output: (picture: VideoFrame, name: Name) => void) {
    this.#output = output;
  }

  static get supported(): boolean {
    return typeof VideoDecoder !== 'undefined' && typeof EncodedVideoChunk !== 'undefined';
  }

  /** False where it can't begin without a key frame. */
  decode({ ssrc, data, isKey, name }: IdentifiedFrame<Name>): boolean {
    const isFull = this.#decoder !== undefined && this.#decoder.decodeQueueSize > QUEUE_MAX;
    if (isFull || ssrc !== this.#ssrc) this.stop();
    this.#ssrc = ssrc;
    if (!this.#decoder) {
      if (!isKey) return false;
      this.#decoder = this.#begin();
    }
    const timestamp = (this.#count += 1);
    this.#names.set(timestamp, name);
    this.#decoder.decode(new EncodedVideoChunk({ type: isKey ? 'key' : 'delta', timestamp, data }));
    return true;
  }

  /** Begins anew with the next key frame. */
  stop(): void {
    const decoder = this.#decoder;
    this.#decoder = undefined;
    this.#names.clear();
    if (decoder && decoder.state !== 'closed') decoder.close();
  }

  #begin(): VideoDecoder {
    const decoder = new VideoDecoder({
      output: (picture) => {
        const name = this.#names.get(picture.timestamp);
        // Frames come out in the order in which they went in.
        for (const timestamp of this.#names.keys()) {
          if (timestamp <= picture.timestamp) this.#names.delete(timestamp);
        }
        if (name === undefined) picture.close();
        else this.#output(picture, name);
      },
      error: (error) => {
        console.warn('onecast: what is sent can not be decoded:', error);
        if (this.#decoder === decoder) this.stop();
      },
    });
    decoder.configure({ codec: 'vp8', optimizeForLatency: true });
    return decoder;
  }
}
