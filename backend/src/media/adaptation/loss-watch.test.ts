import { EventEmitter } from 'node:events';
import type { types } from 'mediasoup';
import { describe, expect, test } from 'vitest';
import { watchLoss } from './loss-watch.ts';

const LIMITS = { lossyScore: 8 };

function watched(type: types.ConsumerType, kind: types.MediaKind = 'video') {
  const observer = new EventEmitter();
  let troubles = 0;
  watchLoss({ kind, type, observer }, LIMITS, () => {
    troubles += 1;
  });
  return {
    score: (score: number, producerScore: number) => {
      observer.emit('score', { score, producerScore, producerScores: [producerScore] });
      return troubles;
    },
  };
}

describe('BWE-2 a line in trouble is seen by what is lost on it', () => {
  test('a score that falls is trouble, one that hardly falls is none', () => {
    const { score } = watched('simulcast');
    expect(score(10, 10)).toBe(0);
    expect(score(9, 10)).toBe(0);
    expect(score(8, 10)).toBe(1);
    expect(score(2, 10)).toBe(2);
  });

  test("what the publisher's own line has lost is no trouble of the viewer's", () => {
    const { score } = watched('simulcast');
    expect(score(4, 4)).toBe(0);
    expect(score(4, 7)).toBe(1);
  });

  test('one layer leaves nothing to choose', () => {
    expect(watched('simple').score(0, 10)).toBe(0);
    expect(watched('simulcast', 'audio').score(0, 10)).toBe(0);
    expect(watched('svc').score(0, 10)).toBe(1);
  });
});
