import { RoomIdSchema } from '#protocol/ids.ts';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { type RememberedBroadcast, BroadcastMemory } from './broadcast-memory.ts';

const room = v.parse(RoomIdSchema, 'studio');
const broadcast: RememberedBroadcast = {
  from: 'camera',
  cameraId: 'cam',
  overlay: 'demo',
  note: '',
  startedAt: 5,
  seenAt: 6,
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

describe('BroadcastMemory', () => {
  it('returns what was written, under a key of its room', () => {
    const storage = fakeStorage();
    const memory = new BroadcastMemory(room, () => storage);
    expect(memory.read()).toBeUndefined();
    memory.write(broadcast);
    expect([...storage.items.keys()]).toEqual(['onecast.onair.studio']);
    expect(memory.read()).toEqual(broadcast);
    memory.forget();
    expect(memory.read()).toBeUndefined();
  });

  it.each(['', 'null', '{', '{"from":"roof"}', '[]'])('reads %j as not live', (stored) => {
    const storage = fakeStorage();
    storage.items.set('onecast.onair.studio', stored);
    expect(new BroadcastMemory(room, () => storage).read()).toBeUndefined();
  });

  it('works with a storage that is not accessible', () => {
    const memory = new BroadcastMemory(room, () => {
      throw new DOMException('closed', 'SecurityError');
    });
    expect(memory.read()).toBeUndefined();
    memory.write(broadcast);
    memory.forget();
  });
});
