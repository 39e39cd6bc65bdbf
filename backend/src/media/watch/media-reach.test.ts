import { describe, expect, it, vi } from 'vitest';
import { MediaReach } from './media-reach.ts';

const candidate = (address: string, protocol: 'udp' | 'tcp') =>
  ({
    address,
    ip: address,
    port: 17_400,
    protocol,
    foundation: '',
    priority: 1,
    type: 'host',
  }) as const;
const transport = (iceState: 'new' | 'connected') => ({
  iceState,
  iceCandidates: [candidate('203.0.113.7', 'udp'), candidate('203.0.113.7', 'tcp')],
});

function setUp() {
  let now = 0;
  const warn = vi.fn<(fields: object, sentence: string) => void>();
  const mediaUnreached = vi.fn<(reason: string) => void>();
  const reach = new MediaReach({ warn }, { mediaUnreached }, () => now);
  return { reach, warn, mediaUnreached, pass: (ms: number) => (now += ms) };
}

describe('REACH-2 pages whose media does not arrive', () => {
  it('are counted, and reported at once with the addresses and ports', () => {
    const { reach, warn, mediaUnreached } = setUp();
    reach.unreached(transport('new'));
    expect(mediaUnreached).toHaveBeenCalledExactlyOnceWith('no-packet');
    const [fields, sentence] = warn.mock.calls[0] ?? [];
    expect(fields).toMatchObject({
      reason: 'no-packet',
      addresses: '203.0.113.7',
      ports: '17400/udp, 17400/tcp',
    });
    expect(sentence).toMatch(/firewall.*ANNOUNCED_ADDRESS/);
  });

  it('have one line a minute, with how many there were, and how many had media meanwhile', () => {
    const { reach, warn, mediaUnreached, pass } = setUp();
    for (let i = 0; i < 100; i += 1) reach.unreached(transport('new'));
    reach.reached();
    reach.reached();
    expect(warn).toHaveBeenCalledOnce();
    pass(60_000);
    reach.unreached(transport('new'));
    expect(warn).toHaveBeenCalledTimes(2);
    expect(warn.mock.lastCall?.[0]).toMatchObject({ pagesWithout: 100, pagesWith: 2 });
    expect(mediaUnreached).toHaveBeenCalledTimes(101);
  });

  it('are distinguished from those whose packets arrive while DTLS does not start', () => {
    const { reach, warn, mediaUnreached } = setUp();
    reach.unreached(transport('connected'));
    expect(mediaUnreached).toHaveBeenCalledExactlyOnceWith('no-dtls');
    expect(warn.mock.calls[0]?.[1]).not.toMatch(/firewall/);
  });
});
