import { QrCode } from './qr-code.ts';
import { StatusPill } from './status-pill.ts';

/** Makes the elements of ui/ known to the browser; each page calls it once, first of all. */
export function defineElements(): void {
  customElements.define('onecast-status', StatusPill);
  customElements.define('onecast-qr', QrCode);
}
