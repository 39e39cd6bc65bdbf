import { RoomIdSchema } from '#protocol/ids.ts';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { type RememberedBroadcast, BroadcastMemory } from './on-air-memory.ts';

const room = v.parse(RoomIdSchema, 'studio');
const onAir: RememberedBroadcast = {
  from: 'camera',
  cameraId: 'cam',
  overlay: 'demo',
  note: '',
  startedAt: 5,
};

function fakeStorage() {
  const items = new Map<string, string>();
  return {
    items,
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
    removeItem: (key: string) => void items.delete(key),
  };
}

describe('OnAirMemory', () => {
  it('gives back what was written, under a key of its room', () => {
    const storage = fakeStorage();
    const memory = new BroadcastMemory(room, storage);
    expect(memory.read()).toBeUndefined();
    memory.write(onAir);
    expect([...storage.items.keys()]).toEqual(['onecast.onair.studio']);
    expect(memory.read()).toEqual(onAir);
    memory.forget();
    expect(memory.read()).toBeUndefined();
  });

  it.each(['', 'null', '{', '{"from":"roof"}', '[]'])('takes %j for not on air', (stored) => {
    const storage = fakeStorage();
    storage.items.set('onecast.onair.studio', stored);
    expect(new BroadcastMemory(room, storage).read()).toBeUndefined();
  });

  it('lives with a storage that is closed', () => {
    const closed = () => {
      throw new DOMException('closed', 'SecurityError');
    };
    const memory = new BroadcastMemory(room, {
      getItem: closed,
      setItem: closed,
      removeItem: closed,
    });
    expect(memory.read()).toBeUndefined();
    memory.write(onAir);
    memory.forget();
  });
});
