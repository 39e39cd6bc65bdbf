/** What is allowed, and probably not what the operator wants: reported once, at the start. */
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Config } from '#config/env.ts';
import { machineAddresses } from '#config/media.ts';
import { ephemeralWarning } from './ephemeral-range.ts';

type WarnedConfig = Pick<
  Config,
  'host' | 'mediaPort' | 'workers' | 'mediaListenAddress' | 'announcedAddress'
>;

export function startWarnings(config: WarnedConfig): string[] {
  const { mediaPort: first, workers } = config;
  const ports = ephemeralWarning({ first, last: first + workers - 1 });
  return [...(ports === undefined ? [] : [ports]), ...addressWarnings(config)];
}

/** Addresses of IPv4 and IPv6 that do not fit together, or that this machine does not have. */
export function addressWarnings(
  { host, mediaListenAddress: listen, announcedAddress: announced }: WarnedConfig,
  interfaces = networkInterfaces(),
): string[] {
  const warnings: string[] = [];
  const outward = machineAddresses(interfaces).filter((address) => address !== '127.0.0.1');
  if (isIP(host) === 4 && outward.length > 0 && outward.every((address) => isIP(address) === 6)) {
    warnings.push(
      `this machine has IPv6 addresses only (${outward[0]}), and pages are served on ${host}: set HOST=::`,
    );
  }
  const families = [announced, listen].map((address) => isIP(address ?? ''));
  const [announcedFamily = 0, listenFamily = 0] = families;
  if (announcedFamily !== 0 && listenFamily !== 0 && announcedFamily !== listenFamily) {
    warnings.push(
      `ANNOUNCED_ADDRESS ${announced} is IPv${announcedFamily}, and media listens on MEDIA_LISTEN_ADDRESS ${listen}: unless something in front translates (Docker does), set MEDIA_LISTEN_ADDRESS=${announcedFamily === 6 ? '::' : '0.0.0.0'}`,
    );
  }
  return warnings;
}
