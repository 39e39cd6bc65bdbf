import { EventEmitter } from 'node:events';
import type { types } from 'mediasoup';
import { describe, expect, test } from 'vitest';
import { watchLoss } from './bandwidth-estimation.ts';

const LIMITS = { lossyScore: 8 };

function watched(type: types.ConsumerType, kind: types.MediaKind = 'video') {
  const observer = new EventEmitter();
  let losses = 0;
  watchLoss({ kind, type, observer }, LIMITS, () => {
    losses += 1;
  });
  return {
    /** Emits a score, and returns how often loss has been reported since the start. */
    score: (score: number, producerScore: number) => {
      observer.emit('score', { score, producerScore, producerScores: [producerScore] });
      return losses;
    },
  };
}

describe('BWE-2 a lossy path is detected by the packets lost on it', () => {
  test('a low score is loss, a score that is hardly lower is not', () => {
    const { score } = watched('simulcast');
    expect(score(10, 10)).toBe(0);
    expect(score(9, 10)).toBe(0);
    expect(score(8, 10)).toBe(1);
    expect(score(2, 10)).toBe(2);
  });

  test("packets lost on the publisher's path are not counted as loss on the viewer's", () => {
    const { score } = watched('simulcast');
    expect(score(4, 4)).toBe(0);
    expect(score(4, 7)).toBe(1);
  });

  test('a stream of one layer is not watched', () => {
    expect(watched('simple').score(0, 10)).toBe(0);
    expect(watched('simulcast', 'audio').score(0, 10)).toBe(0);
    expect(watched('svc').score(0, 10)).toBe(1);
  });
});
