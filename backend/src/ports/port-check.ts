/** Checks before anything starts that the server can have its ports, and says what is wrong with each. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, isIPv6 } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '#config/env.ts';
import { mediaSockets } from '#config/media.ts';
import { holderOfPort } from './socket-table.ts';

/** One socket that the server is going to open. */
export interface WantedPort {
  readonly variable: 'PORT' | 'MEDIA_PORT' | 'METRICS_PORT';
  /** The variable that decides the address. */
  readonly addressVariable: 'HOST' | 'MEDIA_LISTEN_ADDRESS' | 'METRICS_HOST';
  readonly protocol: 'tcp' | 'udp';
  readonly address: string;
  readonly port: number;
}

export interface PortFault {
  readonly wanted: WantedPort;
  /** Of the system, such as EADDRINUSE. */
  readonly code: string;
}

/** Every port that the configuration names. Port 0, any free one, needs an address all the same. */
export function wantedPorts(config: Config): WantedPort[] {
  const pages: WantedPort = {
    variable: 'PORT',
    addressVariable: 'HOST',
    protocol: 'tcp',
    address: config.host,
    port: config.port,
  };
  const metrics: WantedPort[] = config.metrics
    ? [
        {
          variable: 'METRICS_PORT',
          addressVariable: 'METRICS_HOST',
          protocol: 'tcp',
          address: config.metrics.host,
          port: config.metrics.port,
        },
      ]
    : [];
  const workers = Array.from({ length: config.workers }, (_, index) => mediaPorts(config, index));
  return [pages, ...metrics, ...workers.flat()];
}

/** The ports of one worker, counted from 0. */
export function mediaPorts(config: Config, workerIndex: number): WantedPort[] {
  return mediaSockets(config, workerIndex).map(({ protocol, ip, port }) => ({
    variable: 'MEDIA_PORT',
    addressVariable: 'MEDIA_LISTEN_ADDRESS',
    protocol,
    address: ip,
    port,
  }));
}

/**
 * Returns what is wrong with these ports. A port that is taken is tried again: an outgoing connection
 * goes away, and so does a server that is being replaced.
 * @param waitMs how long
 */
export async function faultsOf(
  wanted: readonly WantedPort[],
  waitMs: number,
  signal?: AbortSignal,
): Promise<PortFault[]> {
  const until = performance.now() + waitMs;
  for (;;) {
    const codes = await Promise.all(wanted.map(tryPort));
    const faults = wanted.flatMap((port, i) => {
      const code = codes[i];
      return code === undefined ? [] : [{ wanted: port, code }];
    });
    const mayPass = faults.length > 0 && faults.every(({ code }) => code === 'EADDRINUSE');
    if (!mayPass || performance.now() >= until || signal?.aborted) return faults;
    await delay(100);
  }
}

/**
 * Replaces an error about a port, which names a call of the system, by a sentence. Another error is
 * thrown as it is.
 */
export async function namePortFault(error: unknown, wanted: readonly WantedPort[]): Promise<never> {
  if (!/address already in use|permission denied|address not available/.test(String(error))) {
    throw error;
  }
  const sentences = await sentencesOf(await faultsOf(wanted, 0));
  if (sentences.length === 0) throw error;
  throw new Error(sentences.join('; '), { cause: error });
}

/** @throws PortsError if the server can't have its ports */
export async function assertPorts(
  config: Config,
  waitMs: number,
  signal?: AbortSignal,
): Promise<void> {
  const faults = await faultsOf(wantedPorts(config), waitMs, signal);
  if (faults.length > 0) throw new PortsError(await sentencesOf(faults));
}

/** The message has a line for each problem. */
export class PortsError extends Error {
  constructor(sentences: readonly string[]) {
    super(sentences.join('\n  '));
    this.name = 'PortsError';
  }
}

/** One sentence for each variable. Of several media ports the first stands for all. */
export async function sentencesOf(faults: readonly PortFault[]): Promise<string[]> {
  const first = new Map<string, PortFault>();
  for (const fault of faults) {
    const { variable, addressVariable } = fault.wanted;
    const key = fault.code === 'EADDRNOTAVAIL' ? addressVariable : variable;
    if (!first.has(key)) first.set(key, fault);
  }
  return Promise.all([...first.values()].map(sentenceOf));
}

async function sentenceOf({ wanted, code }: PortFault): Promise<string> {
  const { variable, addressVariable, protocol, address, port } = wanted;
  const what = `${variable}: port ${port} (${protocol.toUpperCase()}, ${address})`;
  switch (code) {
    case 'EADDRINUSE': {
      const holder = holderOfPort(protocol, port);
      const by = holder ? `${holder.name} (process ${holder.pid})` : 'another program';
      const free = await freePortAfter(wanted);
      const advice =
        free === undefined ? 'another one' : `another one, such as ${variable}=${free}`;
      const off = variable === 'METRICS_PORT' ? ', or METRICS=off' : '';
      return `${what} is taken by ${by}; end that, or set ${variable} to ${advice}${off}`;
    }
    case 'EACCES':
      return `${what} is not allowed for this user; set ${variable} to 1024 or more`;
    case 'EADDRNOTAVAIL':
      return `${addressVariable}: ${address} is not an address of this machine; set ${addressVariable} to one of its addresses, or to ${isIPv6(address) ? '::' : '0.0.0.0'} for all`;
    case 'EAFNOSUPPORT':
      return `${addressVariable}: this machine has no ${isIPv6(address) ? 'IPv6' : 'IPv4'}; set ${addressVariable} to ${isIPv6(address) ? '0.0.0.0' : '::'}`;
    default:
      return `${what} can not be opened (${code})`;
  }
}

/** A round number after a taken port from which on a few are free. */
async function freePortAfter(taken: WantedPort): Promise<number | undefined> {
  const start = Math.ceil((taken.port + 1) / 10) * 10;
  for (let port = start; port < Math.min(start + 500, 65_000); port += 10) {
    const codes = await Promise.all([0, 1].map((i) => tryPort({ ...taken, port: port + i })));
    if (codes.every((code) => code === undefined)) return port;
  }
  return undefined;
}

/** Opens and closes the port. Returns the code of the error, if there is one. */
async function tryPort({
  variable,
  protocol,
  address,
  port,
}: WantedPort): Promise<string | undefined> {
  const isV6 = isIPv6(address);
  // Media has a socket for each family, so the one for IPv6 does not have IPv4 as well.
  const ipv6Only = isV6 && variable === 'MEDIA_PORT';
  const socket =
    protocol === 'udp' ? createSocket({ type: isV6 ? 'udp6' : 'udp4', ipv6Only }) : createServer();
  try {
    const ready = once(socket, 'listening');
    if ('bind' in socket) socket.bind({ port, address, exclusive: true });
    else socket.listen({ port, host: address, exclusive: true, ipv6Only });
    await ready;
    return undefined;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  } finally {
    // A socket that was never open has no need to be closed, and dgram throws.
    try {
      const closed = once(socket, 'close');
      socket.close();
      await Promise.race([closed, delay(100)]);
    } catch {
      // See above.
    }
  }
}
