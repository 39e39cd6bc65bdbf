import type { Shape } from '#protocol/overlay.ts';
import { describe, expect, it, test } from 'vitest';
import { colorFor, drawTopics, inkOn } from './draw.ts';

const area = { x: 100, y: 50, width: 640, height: 360 };

/** Records the calls on a 2D context; every character is 8 wide. */
function record(...shapes: Shape[]) {
  const calls: { name: string; args: number[]; text: string | undefined }[] = [];
  const context = new Proxy(
    {},
    {
      get: (_target, name: string) =>
        name === 'measureText'
          ? (text: string) => ({ width: text.length * 8 })
          : (...args: unknown[]) =>
              calls.push({
                name,
                args: args.filter((arg) => typeof arg === 'number'),
                text: args.find((arg) => typeof arg === 'string'),
              }),
      set: () => true,
    },
  );
  drawTopics(context as unknown as CanvasRenderingContext2D, area, [{ topic: 't', shapes }]);
  return (name: string) => calls.filter((call) => call.name === name);
}

describe('drawTopics', () => {
  it('puts a box into its place on the video, clipped to the video', () => {
    const calls = record({ type: 'box', x: 0.25, y: 0.5, width: 0.5, height: 0.25 });
    expect(calls('rect').map(({ args }) => args)).toEqual([
      [100, 50, 640, 360],
      [260, 230, 320, 90],
    ]);
    expect(calls('clip')).toHaveLength(1);
    expect(calls('stroke')).toHaveLength(2);
  });

  test.each([
    ['in the middle', 0.5, 0.5],
    ['at the right', 1, 0.5],
    ['at the top', 0.5, 0],
    ['at the bottom', 0.2, 1],
    ['outside', -1, 2],
  ])('keeps the plate of a box or label inside the video: %s', (_name, x, y) => {
    const calls = record(
      { type: 'box', x, y, width: 0.3, height: 0.2, label: 'a box with a name' },
      { type: 'label', x, y, text: 'l'.repeat(200) },
    );
    const outside = calls('roundRect').filter(
      ({ args: [left = 0, top = 0, width = 0, height = 0] }) =>
        left < 100 || top < 50 || left + width > 740.001 || top + height > 410.001,
    );
    expect(calls('roundRect')).toHaveLength(2);
    expect(outside).toEqual([]);
  });

  test.each(['left', 'center', 'right'] as const)('keeps text inside the video: %s', (align) => {
    const text = 'some words '.repeat(20);
    const calls = record({ type: 'text', x: 0.5, y: 0.95, text, align });
    const lines = calls('fillText');
    const outside = lines.filter(
      ({ args: [left = 0, middle = 0], text = '' }) =>
        left < 100 || left + text.length * 8 > 740 || middle < 50 || middle > 410,
    );
    expect(lines.length).toBeGreaterThan(1);
    expect(outside).toEqual([]);
  });

  it.each<[string, Shape & { type: 'text' }, 'left' | 'middle' | 'right']>([
    ['left', { type: 'text', x: 0.3, y: 0, text: '' }, 'left'],
    ['Arabic', { type: 'text', x: 0.3, y: 0, text: '' }, 'right'],
    ['Arabic, left', { type: 'text', x: 0.3, y: 0, text: '', align: 'left' }, 'left'],
    ['center', { type: 'text', x: 0.5, y: 0, text: '', align: 'center' }, 'middle'],
    ['right', { type: 'text', x: 0.9, y: 0, text: '', align: 'right' }, 'right'],
  ])('keeps the lines of a text together where the text has to move: %s', (name, shape, edge) => {
    const word = name.startsWith('Arabic') ? 'تم تأجيل المباراة ' : 'some words ';
    const lines = record({ ...shape, text: word.repeat(12) })('fillText');
    const edges = lines.map(({ args: [x = 0], text = '' }) => {
      const width = text.length * 8;
      return x + (edge === 'left' ? 0 : edge === 'middle' ? width / 2 : width);
    });
    expect(edges.length).toBeGreaterThan(1);
    expect(Math.max(...edges) - Math.min(...edges)).toBeLessThan(0.001);
  });

  it('closes a polyline only where `closed` is set', () => {
    const points: [number, number][] = [
      [0, 0],
      [1, 1],
    ];
    expect(record({ type: 'polyline', points })('closePath')).toHaveLength(0);
    const closed = record({ type: 'polyline', points, closed: true });
    expect(closed('closePath')).toHaveLength(1);
    expect(closed('lineTo').map(({ args }) => args)).toEqual([
      [100, 50],
      [740, 410],
    ]);
  });
});

describe('colorFor', () => {
  it('is stable, and spreads over the palette', () => {
    expect(colorFor('motion')).toBe(colorFor('motion'));
    const colors = new Set(Array.from({ length: 100 }, (_, i) => colorFor(`track-${i}`)));
    expect(colors.size).toBe(8);
  });
});

test.each([
  ['#fff', '#0b0d10'],
  ['#000', '#ffffff'],
  ['#ffd166', '#0b0d10'],
  ['#0000ff', '#ffffff'],
  ['#ffffff80', '#0b0d10'],
])('the ink on %s is %s', (color, ink) => {
  expect(inkOn(color)).toBe(ink);
});
