import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { appendTag, type FrameTag, readTag, TAG_BYTES } from './tag.ts';

const payload = fc
  .uint8Array({ minLength: 1, maxLength: 2000 })
  .map((bytes) => bytes.slice().buffer);
const tags: fc.Arbitrary<FrameTag> = fc.record({
  number: fc.option(fc.integer({ min: 0, max: 2 ** 32 - 1 }), { nil: undefined }),
  capturedAt: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
});

describe('the tag', () => {
  it('FRAME-1 is read as it was written, and the frame before it is unchanged', () => {
    fc.assert(
      fc.property(payload, tags, (data, tag) => {
        const tagged = appendTag(data, tag);
        expect(tagged.byteLength).toBe(data.byteLength + TAG_BYTES);
        expect(readTag(tagged)).toEqual(tag);
        expect(tagged.slice(0, data.byteLength)).toEqual(data);
      }),
    );
  });

  it('FRAME-2 is not found in a frame that has none', () => {
    const property = fc.property(payload, (data) => {
      expect(readTag(data)).toBeUndefined();
    });
    fc.assert(property, { numRuns: 2000 });
  });

  test.each([
    ['an empty frame', 0],
    ['a frame as long as a tag', TAG_BYTES],
  ])('FRAME-2 is not found in %s', (_name, length) => {
    expect(readTag(new ArrayBuffer(length))).toBeUndefined();
  });

  it('FRAME-2 is ignored when any of its bits is wrong', () => {
    const tagged = appendTag(new Uint8Array([1, 2, 3]).buffer, { number: 7, capturedAt: 1e12 });
    for (let bit = 0; bit < TAG_BYTES * 8; bit += 1) {
      const broken = new Uint8Array(tagged.slice(0));
      const at = 3 + (bit >> 3);
      broken[at] = (broken[at] ?? 0) ^ (1 << (bit & 7));
      expect(readTag(broken.buffer), `bit ${bit}`).toBeUndefined();
    }
  });
});
