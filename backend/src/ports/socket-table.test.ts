import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { holderOfPort, inodesOfPort, nameOf } from './socket-table.ts';

const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:43F8 0200007F:E000 01 00000000:00000000 00:00000000 00000000     0        0 111 1 0
   1: 0100007F:43F8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 222 1 0
   2: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 333 1 0
   3: 0100007F:43F8 0200007F:E001 06 00000000:00000000 00:00000000 00000000     0        0 0 1 0
`;

describe('SRV-12 the process that has a port', () => {
  it('is found by the inodes of the sockets with that local port; the one that listens is first', () => {
    expect(inodesOfPort(TABLE, 17_400)).toEqual(['222', '111']);
    expect(inodesOfPort(TABLE, 22)).toEqual(['333']);
    // The port of the other end.
    expect(inodesOfPort(TABLE, 0xe000)).toEqual([]);
    expect(inodesOfPort('', 22)).toEqual([]);
  });

  it('is named by its program and script, never by its arguments', () => {
    expect(nameOf('/usr/bin/node\0/srv/main.ts\0--token\0hunter2\0')).toBe('node main.ts');
    expect(nameOf('/usr/bin/coturn\0-u\0user:hunter2\0')).toBe('coturn');
    expect(nameOf('node\0-e\0secret()\0')).toBe('node');
    expect(nameOf('')).toBe('another program');
  });

  it.skipIf(process.platform !== 'linux')('is this one, for a port of its own', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    expect(holderOfPort('tcp', port)?.pid).toBe(process.pid);
    server.close();
    expect(holderOfPort('udp', 1)).toBeUndefined();
  });
});
