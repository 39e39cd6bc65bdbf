import { machineAddresses } from '#config/media.ts';

/**
 * Logs when the addresses of this machine change: another network, a VPN, a new lease. Pages get the
 * addresses of the moment in any case.
 */
export class AddressWatch {
  readonly #timer: NodeJS.Timeout;

  constructor(
    log: { info(fields: object, sentence: string): void },
    intervalMs: number,
    read: () => readonly string[] = machineAddresses,
  ) {
    let before = read().join(', ');
    this.#timer = setInterval(() => {
      const addresses = read().join(', ');
      if (addresses === before) return;
      log.info({ addresses, before }, 'this machine has other addresses now: pages get these');
      before = addresses;
    }, intervalMs).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
