import { once } from 'node:events';
import { createServer } from 'node:net';

/** The first of `count` ports in a row that are free, below the range that the system gives out. */
export async function freePorts(count: number): Promise<number> {
  for (let first = 30_000; first < 32_000; first += 10) {
    let free = true;
    for (let port = first; free && port < first + count; port += 1) free = await isFree(port);
    if (free) return first;
  }
  throw new Error('no free ports');
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  try {
    probe.listen(port, '127.0.0.1');
    await once(probe, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    probe.close();
  }
}
