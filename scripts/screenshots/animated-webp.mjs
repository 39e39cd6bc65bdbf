// An animated WebP made of still ones, as Chromium writes them. The container is described at
// https://developers.google.com/speed/webp/docs/riff_container

const ANIMATION = 0x02;
/** Replace the frame before, whatever it was. */
const DO_NOT_BLEND = 0x02;

function chunk(name, ...parts) {
  const data = Buffer.concat(parts);
  const head = Buffer.alloc(8, name, 'latin1');
  head.writeUInt32LE(data.length, 4);
  return Buffer.concat([head, data, Buffer.alloc(data.length % 2)]);
}

function uint24(...values) {
  const bytes = Buffer.alloc(3 * values.length);
  for (const [i, value] of values.entries()) bytes.writeUIntLE(value, 3 * i, 3);
  return bytes;
}

/** The chunk with the encoded picture, with its head. */
function pictureOf(webp) {
  for (let at = 12; at < webp.length; ) {
    const end = at + 8 + webp.readUInt32LE(at + 4);
    const name = webp.toString('latin1', at, at + 4);
    if (name === 'VP8 ' || name === 'VP8L') return webp.subarray(at, end + (end % 2));
    at = end + (end % 2);
  }
  throw new Error('not a still WebP');
}

/** `frames`: `{ webp, ms }` each, all of one size; `ms` is how long a frame is shown. It loops. */
export function animatedWebp(frames, width, height) {
  const size = uint24(width - 1, height - 1);
  const chunks = [
    chunk('VP8X', Buffer.from([ANIMATION, 0, 0, 0]), size),
    chunk('ANIM', Buffer.alloc(6)),
    ...frames.map(({ webp, ms }) =>
      chunk('ANMF', uint24(0, 0), size, uint24(ms), Buffer.from([DO_NOT_BLEND]), pictureOf(webp)),
    ),
  ];
  return chunk('RIFF', Buffer.from('WEBP'), ...chunks);
}
