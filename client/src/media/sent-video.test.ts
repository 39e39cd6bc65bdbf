import { EventEmitter } from 'node:events';
import type { types } from 'mediasoup-client';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SentVideo } from './sent-video.ts';

class FakeTrack {
  readonly muted = false;
  readyState: MediaStreamTrackState = 'live';
  #size: { readonly width?: number; readonly height?: number };

  constructor(width?: number, height?: number) {
    this.#size = width === undefined || height === undefined ? {} : { width, height };
  }

  resize(width: number, height: number): void {
    this.#size = { width, height };
  }

  getSettings(): MediaTrackSettings {
    return this.#size;
  }
}

class FakeProducer {
  readonly id: string;
  readonly layers: number;
  readonly rtpSender = { getStats: async () => new Map() };
  track: unknown;
  closed = false;

  constructor(id: string, layers: number, track: unknown) {
    this.id = id;
    this.layers = layers;
    this.track = track;
  }

  async replaceTrack({ track }: { track: unknown }): Promise<void> {
    this.track = track;
  }

  close(): void {
    this.closed = true;
  }
}

function makeVideo() {
  const producers: FakeProducer[] = [];
  const state = { refuses: false };
  const transport = {
    observer: new EventEmitter(),
    produce: async ({ track, encodings }: { track: unknown; encodings: unknown[] }) => {
      if (state.refuses) throw new Error('refused');
      const producer = new FakeProducer(String(producers.length), encodings.length, track);
      producers.push(producer);
      return producer;
    },
  } as unknown as types.Transport;
  const outgrown = vi.fn<() => void>();
  const video = new SentVideo(transport, () => undefined, outgrown);
  const send = (track: FakeTrack | undefined) =>
    video.send(track as unknown as MediaStreamTrack | undefined);
  const open = () => producers.filter(({ closed }) => !closed);
  return { video, send, open, producers, outgrown, state };
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('Worker', undefined);
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

describe('SRC-6 the video of a transport', () => {
  it('keeps its producer for a track of like size, and without a track', async () => {
    const { send, open, producers } = makeVideo();
    const [first, second] = [new FakeTrack(1280, 720), new FakeTrack(1920, 1080)];
    await send(first);
    await send(second);
    expect(open()).toMatchObject([{ layers: 3, track: second }]);
    await send(undefined);
    expect(open()).toMatchObject([{ track: null }]);
    await send(first);
    expect(producers).toHaveLength(1);
  });

  it('gets another producer for a track of another size; the old one goes on until then', async () => {
    const { send, open, state } = makeVideo();
    const [camera, screen] = [new FakeTrack(320, 240), new FakeTrack(1920, 1080)];
    await send(camera);
    state.refuses = true;
    await expect(send(screen)).rejects.toThrow('refused');
    expect(open()).toMatchObject([{ layers: 1, track: camera }]);
    state.refuses = false;
    await send(screen);
    expect(open()).toMatchObject([{ layers: 3, track: screen }]);
  });

  it('reports a source that has outgrown its layers, and a refused change again later', async () => {
    const { send, outgrown } = makeVideo();
    const track = new FakeTrack(400, 250);
    await send(track);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(outgrown).not.toHaveBeenCalled();
    track.resize(1920, 1080);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(outgrown).toHaveBeenCalledTimes(1);
    // Nobody has called send().
    await vi.advanceTimersByTimeAsync(2_000);
    expect(outgrown).toHaveBeenCalledTimes(2);
    await send(track);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(outgrown).toHaveBeenCalledTimes(2);
  });

  it('knows the layers of a track whose size was not known at first', async () => {
    const { send, open, outgrown } = makeVideo();
    const track = new FakeTrack();
    await send(track);
    expect(open()).toMatchObject([{ layers: 1 }]);
    track.resize(1280, 720);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(outgrown).toHaveBeenCalled();
  });

  it('looks at nothing after close, and not at a track that has ended', async () => {
    const { video, send, outgrown } = makeVideo();
    const track = new FakeTrack(400, 250);
    await send(track);
    track.readyState = 'ended';
    track.resize(1920, 1080);
    await vi.advanceTimersByTimeAsync(5_000);
    track.readyState = 'live';
    video.close();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(outgrown).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });
});
