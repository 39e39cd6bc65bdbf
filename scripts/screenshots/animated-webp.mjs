// Joins still WebP images, as Chromium writes them, into an animated one. The container is described at
// https://developers.google.com/speed/webp/docs/riff_container

const ANIMATION = 0x02;
/** The frame replaces the previous one, without blending. */
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

/** The chunk with the encoded image, including its header. */
function imageChunkOf(webp) {
  for (let offset = 12; offset < webp.length; ) {
    const end = offset + 8 + webp.readUInt32LE(offset + 4);
    const name = webp.toString('latin1', offset, offset + 4);
    if (name === 'VP8 ' || name === 'VP8L') return webp.subarray(offset, end + (end % 2));
    offset = end + (end % 2);
  }
  throw new Error('not a still WebP');
}

/** `frames`: a list of `{ webp, ms }`, all of one size. A frame is shown for `ms`. It loops for ever. */
export function animatedWebp(frames, width, height) {
  const size = uint24(width - 1, height - 1);
  const chunks = [
    chunk('VP8X', Buffer.from([ANIMATION, 0, 0, 0]), size),
    chunk('ANIM', Buffer.alloc(6)),
    ...frames.map(({ webp, ms }) =>
      chunk(
        'ANMF',
        uint24(0, 0),
        size,
        uint24(ms),
        Buffer.from([DO_NOT_BLEND]),
        imageChunkOf(webp),
      ),
    ),
  ];
  return chunk('RIFF', Buffer.from('WEBP'), ...chunks);
}
