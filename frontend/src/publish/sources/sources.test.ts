import { type KeyedMessage, KeyedMessageSchema } from '#protocol/overlay-state.ts';
import { ShapesMessageSchema, type Shape } from '#protocol/overlay.ts';
import * as v from 'valibot';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { OutgoingOverlayMessage } from '#client/overlay/overlay-sender.ts';
import { demo } from './demo.ts';
import { overlaySources } from './index.ts';
import { note } from './note.ts';

const start = 1_795_000_000_000;

function harness() {
  const sent: OutgoingOverlayMessage[] = [];
  const state: KeyedMessage[] = [];
  const listeners = new Set<(text: string) => void>();
  const context = {
    analyse: () => () => {},
    onFrame: () => () => {},
    send: (message: OutgoingOverlayMessage) => void sent.push(message),
    setState: (message: KeyedMessage) => void state.push(message),
    now: () => Date.now(),
    onNote(listener: (text: string) => void) {
      listeners.add(listener);
      listener('');
      return () => void listeners.delete(listener);
    },
  };
  const type = (text: string) => listeners.forEach((listener) => listener(text));
  const shapes = (): Shape[][] =>
    sent.map((message) => (message.kind === 'shapes' ? message.shapes : []));
  return { sent, state, listeners, context, type, shapes };
}

beforeEach(() => {
  vi.useFakeTimers({ now: start });
});
afterEach(() => {
  vi.useRealTimers();
});

it('each source has its own id, and words for people', () => {
  expect(overlaySources.map(({ id }) => id).sort()).toEqual(['demo', 'motion', 'note', 'off']);
  expect(overlaySources.every(({ name, description }) => name && description)).toBe(true);
});

describe('demo', () => {
  it('sends the time, a word and a box that moves, once a second', () => {
    const { context, sent, shapes } = harness();
    const stop = demo.start(context);
    vi.advanceTimersByTime(3000);
    expect(sent).toHaveLength(4);
    expect(sent.map(({ capturedAt }) => capturedAt - start)).toEqual([0, 1000, 2000, 3000]);
    const boxes = shapes().map((list) => list.find(({ type }) => type === 'box'));
    expect(new Set(boxes.map((box) => JSON.stringify(box))).size).toBe(4);
    stop();
  });

  it('sends only valid shapes inside the picture, for an hour', () => {
    const { context, sent, shapes } = harness();
    const stop = demo.start(context);
    vi.advanceTimersByTime(3_600_000);
    stop();
    const valid = sent.filter((m, i) => v.is(ShapesMessageSchema, { ...m, seq: i + 1 }));
    expect(valid).toHaveLength(sent.length);
    const outside = shapes()
      .flat()
      .filter((shape) => shape.type === 'box')
      .filter(({ x, y, width, height }) => x < 0 || y < 0 || x + width > 1 || y + height > 1);
    expect(outside).toEqual([]);
  });

  it('clears its topic once when it is stopped, and leaves no timer', () => {
    const { context, sent } = harness();
    const stop = demo.start(context);
    stop();
    stop();
    vi.advanceTimersByTime(5000);
    expect(sent).toHaveLength(2);
    expect(sent.at(-1)).toEqual({ kind: 'shapes', topic: 'demo', capturedAt: start, shapes: [] });
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('note', () => {
  const texts = (state: readonly KeyedMessage[]) =>
    state.map((message) => {
      const [shape] = message.kind === 'shapes' ? (message.shapes ?? []) : [];
      return shape?.type === 'text' ? shape.text : null;
    });

  it('is state: set when it changes, deleted when it is empty', () => {
    const { context, type, state, sent } = harness();
    const stop = note.start(context);
    for (const typed of ['', 'hello', 'hello ', 'hello you', '  ', '']) type(typed);
    expect(texts(state)).toEqual(['hello', 'hello you', null]);
    stop();
    expect(state).toHaveLength(3);
    expect(sent).toEqual([]);
  });

  it('cuts a long line to what the protocol allows', () => {
    const { context, type, state } = harness();
    const stop = note.start(context);
    type('long '.repeat(1000));
    stop();
    expect(state.every((message) => v.is(KeyedMessageSchema, message))).toBe(true);
  });

  it('deletes its line once when it is stopped, and leaves no timer and no listener', () => {
    const { context, listeners, state, type } = harness();
    const stop = note.start(context);
    type('hello');
    stop();
    stop();
    expect(listeners.size).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
    expect(texts(state)).toEqual(['hello', null]);
  });
});
