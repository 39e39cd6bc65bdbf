/**
 * The tag: 16 bytes at the end of an encoded frame that identify its captured frame. Decoders of VP8
 * do not read past their last partition, so a viewer that does not remove the tag still shows video.
 *
 *   0  frame number, 32 bits
 *   4  capture time, ms since 1970 by the publisher's clock, 48 bits
 *  10  flags: 1 the number is known
 *  11  version, 1
 *  12  checksum over the bytes before, 16 bits
 *  14  magic, 16 bits
 *
 * All numbers have their high byte first. With version, checksum and magic together, a random payload
 * is mistaken for a tag once in 10^12 frames.
 */
export interface FrameTag {
  /** Unsigned 32 bits; undefined where the publisher could not identify the captured frame. */
  readonly number: number | undefined;
  /** ms since 1970, whole. */
  readonly capturedAt: number;
}

export const TAG_BYTES = 16;

/** Only codecs whose decoders all accept a frame with a tag. */
export const TAGGABLE_CODECS: readonly string[] = ['video/vp8'];

const VERSION = 1;
const MAGIC = 0x0ca5;
const NUMBER_KNOWN = 1;

/** A copy of the frame's data with the tag at its end. */
export function appendTag(data: ArrayBuffer, { number, capturedAt }: FrameTag): ArrayBuffer {
  const tagged = new Uint8Array(data.byteLength + TAG_BYTES);
  tagged.set(new Uint8Array(data));
  const view = new DataView(tagged.buffer, data.byteLength);
  view.setUint32(0, number ?? 0);
  const time = Math.round(capturedAt);
  view.setUint16(4, Math.floor(time / 2 ** 32));
  view.setUint32(6, time % 2 ** 32);
  view.setUint8(10, number === undefined ? 0 : NUMBER_KNOWN);
  view.setUint8(11, VERSION);
  view.setUint16(12, checksum(view));
  view.setUint16(14, MAGIC);
  return tagged.buffer;
}

/** The tag at the end of a frame's data; undefined where there is none. */
export function readTag(data: ArrayBuffer): FrameTag | undefined {
  if (data.byteLength <= TAG_BYTES) return undefined;
  const view = new DataView(data, data.byteLength - TAG_BYTES);
  const isTag =
    view.getUint16(14) === MAGIC &&
    view.getUint8(11) === VERSION &&
    view.getUint16(12) === checksum(view);
  if (!isTag) return undefined;
  return {
    number: (view.getUint8(10) & NUMBER_KNOWN) === 0 ? undefined : view.getUint32(0),
    capturedAt: view.getUint16(4) * 2 ** 32 + view.getUint32(6),
  };
}

/** Fletcher's checksum: two sums, so that swapped bytes are detected. */
function checksum(view: DataView): number {
  let [low, high] = [1, 0];
  for (let at = 0; at < 12; at += 1) {
    low = (low + view.getUint8(at)) % 255;
    high = (high + low) % 255;
  }
  return (high << 8) | low;
}
