/** Which process has a port, from /proc (Linux). */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';

export interface PortHolder {
  readonly pid: number;
  /** Its program, and the script that this runs: `node main.ts`. */
  readonly name: string;
}

/** TCP sockets that listen; others have an end somewhere else, but hold their port as well. */
const LISTENS = '0A';

/**
 * The inodes of the sockets with this local port in a table such as /proc/net/tcp. Those that listen
 * come first.
 */
export function inodesOfPort(table: string, port: number): string[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  const found = table
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, local = '', , state, , , , , , inode = '0'] = line.trim().split(/\s+/);
      // A connection that is being closed belongs to no process any more.
      if (!local.endsWith(`:${wanted}`) || inode === '0') return [];
      return [{ inode, listens: state === LISTENS }];
    });
  return found.toSorted((a, b) => Number(b.listens) - Number(a.listens)).map(({ inode }) => inode);
}

/** The process that has this port; undefined where that can't be found out, or it is not ours to see. */
export function holderOfPort(protocol: 'udp' | 'tcp', port: number): PortHolder | undefined {
  const inodes = [protocol, `${protocol}6`].flatMap((name) =>
    inodesOfPort(readText(`/proc/net/${name}`), port),
  );
  if (inodes.length === 0) return undefined;
  const sockets = new Set(inodes.map((inode) => `socket:[${inode}]`));
  for (const entry of listOf('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const folder = join('/proc', entry, 'fd');
    if (!listOf(folder).some((fd) => sockets.has(linkOf(join(folder, fd))))) continue;
    return { pid: Number(entry), name: nameOf(readText(join('/proc', entry, 'cmdline'))) };
  }
  return undefined;
}

/** Of a command line, only the names of two files: the rest may hold secrets. */
export function nameOf(commandLine: string): string {
  const [program = '', script = ''] = commandLine.split('\0');
  const isScript = /\.(?:[cm]?[jt]s|py|rb|sh|pl)$/.test(script);
  const names = [program, ...(isScript ? [script] : [])].map((path) => basename(path));
  return names.join(' ').slice(0, 64) || 'another program';
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function listOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // Another user's process, or one that has just ended.
    return [];
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
