import { describe, expect, it, vi } from 'vitest';
import { blockedWebsocketLog, isBlockedWebsocket } from './blocked-websocket.ts';

describe('REACH-4 a websocket that a proxy does not pass on', () => {
  const url = '/socket.io/?EIO=4&transport=websocket';

  it.each([
    [url, {}, true],
    [url, { connection: 'close' }, true],
    [url, { upgrade: 'websocket' }, false],
    ['/socket.io/?EIO=4&transport=polling', {}, false],
    ['/socket.io/', {}, false],
    ['', {}, false],
  ])('%s with %j: %s', (path, headers, expected) => {
    expect(isBlockedWebsocket({ url: path, headers })).toBe(expected);
  });

  it('is logged at most once a minute', () => {
    let now = 0;
    const warn = vi.fn<(sentence: string) => void>();
    const report = blockedWebsocketLog({ warn }, () => now);
    for (; now < 120_000; now += 1_000) report();
    expect(warn).toHaveBeenCalledTimes(2);
    expect(warn.mock.calls[0]?.[0]).toContain('Upgrade');
  });
});
