import { describe, expect, it } from 'vitest';
import { RoomCapacity, type RoomPlace, SessionCapacity, type Standing } from './capacity.ts';

describe('LIMIT-5 sessions', () => {
  const limits = {
    sessionsMax: 10,
    socketsPerAddressMax: 4,
    sessionsPerSocketMax: 1,
    liveReserveShare: 0.3,
  };

  it('bounds each address and the total, and a release frees one', () => {
    const capacity = new SessionCapacity(limits);
    const [releaseFirst] = [1, 2, 3, 4].map(() => capacity.reserve('a', false));
    expect(() => capacity.reserve('a', true)).toThrow('too many');
    for (const address of ['b', 'c', 'd']) capacity.reserve(address, false);
    expect(() => capacity.reserve('e', false)).toThrow('too many');
    releaseFirst?.();
    // A second call has no effect.
    releaseFirst?.();
    capacity.reserve('e', false);
    expect(() => capacity.reserve('f', false)).toThrow('too many');
  });

  it('keeps a part for publishers and for rooms that have been live', () => {
    const capacity = new SessionCapacity(limits);
    for (let i = 0; i < 7; i += 1) capacity.reserve(`stranger-${i}`, false);
    expect(() => capacity.reserve('viewer', false)).toThrow('too many');
    for (let i = 0; i < 3; i += 1) capacity.reserve(`viewer-${i}`, true);
    expect(() => capacity.reserve('viewer', true)).toThrow('too many');
  });
});

describe('LIMIT-11 rooms', () => {
  /** Rooms of strangers, which record that they were evicted. */
  function world(roomsMax = 10, roomsPerAddressMax = 8) {
    const capacity = new RoomCapacity({ roomsMax, roomsPerAddressMax, liveReserveShare: 0.3 });
    const evicted: string[] = [];
    const open = (name: string, address: string, standing: Standing): RoomPlace => {
      const place: RoomPlace = capacity.open(address, standing, () => {
        evicted.push(name);
        place.release();
      });
      return place;
    };
    return { evicted, open };
  }

  it('bounds the rooms of one address', () => {
    const { open } = world(100, 3);
    const [first] = ['x', 'y', 'z'].map((name) => open(name, 'a', 'waiting'));
    expect(() => open('w', 'a', 'claimed')).toThrow('too many');
    first?.release();
    open('w', 'a', 'claimed');
  });

  it('a room that only viewers wait in gives way to a claim, whoever made it', () => {
    const { open, evicted } = world();
    for (let i = 0; i < 7; i += 1) open(`room-${i}`, `stranger-${i}`, 'waiting');
    expect(() => open('room-x', 'viewer', 'waiting')).toThrow('too many');
    open('main', 'publisher', 'claimed');
    expect(evicted).toEqual(['room-0']);
  });

  it('the address with the most claimed rooms gives way to one with fewer', () => {
    const { open, evicted } = world();
    open('honest', 'neighbour', 'claimed');
    for (let i = 0; i < 6; i += 1) open(`room-${i}`, 'stranger', 'claimed');
    open('main', 'publisher', 'claimed');
    open('main-2', 'publisher', 'claimed');
    expect(evicted).toEqual(['room-0', 'room-1']);
    // The stranger itself gains nothing that way.
    expect(() => open('room-6', 'stranger', 'claimed')).toThrow('too many');
  });

  it('networks of one /48 count as one stranger', () => {
    const { open, evicted } = world();
    for (let i = 0; i < 7; i += 1) open(`room-${i}`, `2001:db8:7:${i}::/64`, 'claimed');
    open('main', 'publisher', 'claimed');
    expect(evicted).toEqual(['room-0']);
  });

  it('a room that is or was live is never evicted, and may use the reserve', () => {
    const { open, evicted } = world();
    for (let i = 0; i < 7; i += 1) open(`live-${i}`, `publisher-${i}`, 'claimed').live();
    for (let i = 0; i < 3; i += 1) open(`room-${i}`, 'stranger', 'waiting');
    expect(() => open('room-3', 'stranger', 'waiting')).toThrow('too many');
    for (let i = 7; i < 10; i += 1) open(`live-${i}`, `publisher-${i}`, 'claimed').live();
    expect(evicted).toEqual(['room-0', 'room-1', 'room-2']);
    expect(() => open('main', 'publisher', 'claimed')).toThrow('too many');
  });

  it('an owner that was live before a restart gets in, however many others were quicker', () => {
    const { open, evicted } = world();
    for (let i = 0; i < 7; i += 1) open(`room-${i}`, `stranger-${i}`, 'claimed');
    expect(() => open('main', 'publisher', 'claimed')).toThrow('too many');
    for (let i = 0; i < 3; i += 1) open(`main-${i}`, `publisher-${i}`, 'live');
    expect(evicted).toEqual([]);
    // Beyond the reserve it takes the place of a room that nobody was live in.
    for (let i = 3; i < 10; i += 1) open(`main-${i}`, `publisher-${i}`, 'live');
    expect(evicted).toHaveLength(7);
    expect(() => open('main-10', 'publisher-10', 'live')).toThrow('too many');
  });

  it('a claimed room counts against its claimant, not against the viewer that waited in it', () => {
    const { open } = world(100, 1);
    const main = open('main', 'viewer', 'waiting');
    main.claim('publisher');
    open('elsewhere', 'viewer', 'waiting');
    expect(() => open('second', 'publisher', 'claimed')).toThrow('too many');
    // It has its own room already, and what it claims stays the viewer's.
    const other = world(100, 1);
    other.open('x', 'publisher', 'claimed');
    const waiting = other.open('y', 'viewer', 'waiting');
    expect(() => waiting.claim('publisher')).toThrow('too many');
    expect(() => other.open('z', 'viewer', 'waiting')).toThrow('too many');
    // The viewer itself may claim it.
    waiting.claim('viewer');
    // A later claim of the same room changes nothing.
    main.claim('other');
    open('third', 'other', 'claimed');
  });
});
