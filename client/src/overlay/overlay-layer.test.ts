import type { OverlayMessage } from '#protocol/overlay.ts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { FrameLookup } from '../frame-sync/viewer/shown-frame.ts';
import { OverlayLayer } from './overlay-layer.ts';

/**
 * Counts the registered listeners, to check that none is left. Listeners that an AbortSignal removes count
 * too: Node calls `removeEventListener` for them.
 */
class Listened extends EventTarget {
  listeners = 0;

  override addEventListener(
    ...[type, listener, options]: Parameters<EventTarget['addEventListener']>
  ) {
    this.listeners += 1;
    super.addEventListener(type, listener, options);
  }

  override removeEventListener(...args: Parameters<EventTarget['removeEventListener']>) {
    this.listeners -= 1;
    super.removeEventListener(...args);
  }
}

/** A 2D context that keeps the texts drawn since it was last cleared. */
function recordingContext() {
  const texts: string[] = [];
  const nothing = () => {};
  const known: Record<string, unknown> = {
    measureText: (text: string) => ({ width: text.length * 8 }),
    fillText: (text: string) => texts.push(text),
    clearRect: () => texts.splice(0),
  };
  const context = new Proxy(known, { get: (at, name: string) => at[name] ?? nothing });
  return { texts, context };
}

function page(frames?: FrameLookup) {
  const { texts, context } = recordingContext();
  const canvas = {
    getContext: () => context,
    width: 0,
    height: 0,
  };
  const video = Object.assign(new Listened(), {
    clientWidth: 640,
    clientHeight: 400,
    videoWidth: 1280,
    videoHeight: 720,
    awaited: undefined as VideoFrameRequestCallback | undefined,
    requestVideoFrameCallback(callback: VideoFrameRequestCallback) {
      video.awaited = callback;
      return 1;
    },
    cancelVideoFrameCallback() {
      video.awaited = undefined;
    },
  });
  const density = new Listened();
  const document = new Listened();
  const animations = new Map<number, () => void>();
  let observed = false;
  let nextFrame = 1;
  vi.stubGlobal('document', document);
  vi.stubGlobal('window', { devicePixelRatio: 2, matchMedia: () => density });
  vi.stubGlobal('requestAnimationFrame', (callback: () => void) => {
    animations.set(nextFrame, callback);
    return nextFrame++;
  });
  vi.stubGlobal('cancelAnimationFrame', (id: number) => animations.delete(id));
  vi.stubGlobal(
    'ResizeObserver',
    class {
      observe() {
        observed = true;
      }
      disconnect() {
        observed = false;
      }
    },
  );
  const layer = new OverlayLayer(
    canvas as unknown as HTMLCanvasElement,
    video as unknown as HTMLVideoElement,
    frames,
  );
  /** The video shows the frame with this RTP timestamp, of this size. */
  const show = (rtpTimestamp: number, width: number, height: number) => {
    const callback = video.awaited;
    if (!callback) throw new Error('no frame is awaited');
    const metadata = { rtpTimestamp, width, height, mediaTime: 0 };
    callback(0, metadata as VideoFrameCallbackMetadata);
  };
  return {
    show,
    layer,
    canvas,
    video,
    density,
    texts,
    left: () => ({
      listeners: video.listeners + density.listeners + document.listeners,
      observed,
      frames: animations.size + (video.awaited ? 1 : 0),
      timers: vi.getTimerCount(),
    }),
    paint: () => {
      const due = [...animations.values()];
      animations.clear();
      for (const callback of due) callback();
      return due.length;
    },
  };
}

const message = (topic: string, text: string | undefined, ttlMs?: number): OverlayMessage => ({
  kind: 'shapes',
  topic,
  seq: 1,
  capturedAt: 0,
  shapes: text === undefined ? [] : [{ type: 'label', x: 0.5, y: 0.5, text }],
  ...(ttlMs !== undefined && { ttlMs }),
});

describe('OverlayLayer', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it('draws the newest message of each topic, once per animation frame, only when something changed', () => {
    const { layer, texts, paint, canvas } = page();
    paint();
    expect([canvas.width, canvas.height]).toEqual([1280, 800]);
    layer.apply(message('a', 'old'));
    layer.apply(message('a', 'new'));
    layer.apply(message('b', 'other'));
    expect(paint()).toBe(1);
    expect(texts).toEqual(['new', 'other']);
    expect(paint()).toBe(0);
    layer.apply(message('a', undefined));
    paint();
    expect(texts).toEqual(['other']);
  });

  it('removes a topic at the end of its time, and everything on reset', () => {
    const { layer, texts, paint } = page();
    layer.apply(message('brief', 'brief', 1000));
    layer.apply(message('stays', 'stays'));
    vi.advanceTimersByTime(999);
    paint();
    expect(texts).toEqual(['brief', 'stays']);
    vi.advanceTimersByTime(2);
    expect(paint()).toBe(1);
    expect(texts).toEqual(['stays']);
    layer.reset();
    paint();
    expect(texts).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('follows messages while it is not visible', () => {
    const { layer, texts, paint } = page();
    layer.visible = false;
    layer.apply(message('a', 'a'));
    paint();
    expect(texts).toEqual([]);
    layer.visible = true;
    paint();
    expect(texts).toEqual(['a']);
  });

  it('draws again when the video or the pixel density changes, and nothing without video', () => {
    const { layer, texts, paint, video, density } = page();
    layer.apply(message('a', 'a'));
    paint();
    video.videoWidth = 0;
    video.dispatchEvent(new Event('resize'));
    expect(paint()).toBe(1);
    expect(texts).toEqual([]);
    density.dispatchEvent(new Event('change'));
    expect(paint()).toBe(1);
    density.dispatchEvent(new Event('change'));
    expect(paint()).toBe(1);
  });

  it('FRAME-12 shapes of a frame before the picture was turned go with it, all others stay', () => {
    const numbers = new Map([
      [10, { number: 1, capturedAt: 0 }],
      [20, { number: 2, capturedAt: 0 }],
      [30, { number: 3, capturedAt: 0 }],
    ]);
    const tags = {
      tagOf: (rtp: number | undefined) => numbers.get(rtp ?? 0),
      nearest: () => undefined,
    };
    const { layer, texts, show, paint } = page(tags);
    const framed = (text: string, number: number) => ({
      ...message('m', text),
      seq: number,
      frame: { number },
    });
    layer.apply(message('plain', 'plain'));
    layer.apply(framed('wide', 1));
    show(10, 1280, 720);
    expect(texts).toEqual(['plain', 'wide']);
    // Another layer of the same picture: sides are rounded.
    show(20, 319, 179);
    expect(texts).toEqual(['plain', 'wide']);
    show(30, 720, 1280);
    expect(texts).toEqual(['plain']);
    layer.apply(framed('late', 2));
    layer.apply(framed('tall', 3));
    paint();
    expect(texts).toEqual(['plain', 'tall']);
    layer.close();
  });

  it('ignores tags after it was closed', () => {
    const { layer, texts, show } = page({
      tagOf: () => ({ number: 1, capturedAt: 0 }),
      nearest: () => undefined,
    });
    show(10, 16, 9);
    layer.close();
    layer.tagArrived(10);
    expect(texts).toEqual([]);
  });

  it('leaves nothing behind when closed, twice', () => {
    const { layer, left } = page({ tagOf: () => undefined, nearest: () => undefined });
    layer.apply(message('a', 'a', 5000));
    layer.close();
    layer.close();
    layer.apply(message('a', 'a', 5000));
    layer.reset();
    layer.visible = false;
    expect(left()).toEqual({ listeners: 0, observed: false, frames: 0, timers: 0 });
  });
});
