/** What an encoded frame of VP8 says of itself (RFC 6386, 9.1); undefined for all but key frames. */
export function keyFrameWidth(data: ArrayBuffer): number | undefined {
  if (data.byteLength < 10) return undefined;
  const view = new DataView(data);
  const isKey = (view.getUint8(0) & 1) === 0;
  // The start code of a key frame.
  if (!isKey || view.getUint8(3) !== 0x9d || view.getUint16(4) !== 0x012a) return undefined;
  return view.getUint16(6, true) & 0x3fff;
}
