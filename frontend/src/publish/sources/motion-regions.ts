/** A region of a mask. Its extent is in whole pixels. */
export interface Region {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** The number of set pixels in it. */
  readonly pixels: number;
}

/** A region as it was found, with the places of its pixels. */
export interface FoundRegion extends Region {
  readonly members: readonly number[];
}

/**
 * The connected regions of a mask: non-zero bytes of the same value. Pixels up to `reach` apart on both
 * axes count as connected, as after a dilation, but the extent covers the undilated pixels only.
 */
export function findRegions(
  mask: Uint8Array,
  width: number,
  height: number,
  reach: number,
): FoundRegion[] {
  const regions: FoundRegion[] = [];
  const seen = new Uint8Array(mask.length);
  const stack: number[] = [];
  for (let start = 0; start < mask.length; start += 1) {
    if (mask[start] === 0 || seen[start] !== 0) continue;
    let [left, right, top, bottom] = [width, -1, height, -1];
    const members: number[] = [];
    const value = mask[start];
    seen[start] = 1;
    stack.push(start);
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      const x = at % width;
      const y = (at - x) / width;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y);
      members.push(at);
      for (let ny = Math.max(0, y - reach); ny <= Math.min(height - 1, y + reach); ny += 1) {
        for (let nx = Math.max(0, x - reach); nx <= Math.min(width - 1, x + reach); nx += 1) {
          const next = ny * width + nx;
          if (mask[next] !== value || seen[next] !== 0) continue;
          seen[next] = 1;
          stack.push(next);
        }
      }
    }
    regions.push({
      x: left,
      y: top,
      width: right - left + 1,
      height: bottom - top + 1,
      pixels: members.length,
      members,
    });
  }
  return regions;
}

/** Merges regions whose extents are at most `gap` pixels apart, until no more are. */
export function mergeNear(regions: readonly Region[], gap: number): Region[] {
  const merged: Region[] = [];
  for (const region of regions) {
    let grown = region;
    // A merged region may reach one that the smaller region did not: search again until none is near.
    for (let near = findNear(merged, grown, gap); near >= 0; near = findNear(merged, grown, gap)) {
      const [other] = merged.splice(near, 1);
      if (other) grown = union(grown, other);
    }
    merged.push(grown);
  }
  return merged;
}

function findNear(regions: readonly Region[], region: Region, gap: number): number {
  return regions.findIndex(
    (other) =>
      region.x <= other.x + other.width + gap &&
      other.x <= region.x + region.width + gap &&
      region.y <= other.y + other.height + gap &&
      other.y <= region.y + region.height + gap,
  );
}

function union(a: Region, b: Region): Region {
  const x = Math.min(a.x, b.x);
  const y = Math.min(a.y, b.y);
  return {
    x,
    y,
    width: Math.max(a.x + a.width, b.x + b.width) - x,
    height: Math.max(a.y + a.height, b.y + b.height) - y,
    pixels: a.pixels + b.pixels,
  };
}
