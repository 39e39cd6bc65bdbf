import { describe, expect, it } from 'vitest';
import { keepsItems } from './page-storage.ts';

const throwing = (name: string) => (): never => {
  throw new DOMException('no', name);
};

describe('AIR-3 keepsItems', () => {
  it('leaves nothing behind in a storage that works', () => {
    const items = new Map<string, string>();
    const storage = {
      setItem: (key: string, value: string) => void items.set(key, value),
      removeItem: (key: string) => void items.delete(key),
    };
    expect(keepsItems(() => storage)).toBe(true);
    expect(items.size).toBe(0);
  });

  it.each([
    ['blocked by settings', throwing('SecurityError')],
    ['full', () => ({ setItem: throwing('QuotaExceededError'), removeItem: () => undefined })],
    ['absent, as in some WebViews', () => null],
  ])('is false for a storage that is %s', (_name, storage) => {
    expect(keepsItems(storage)).toBe(false);
  });
});
