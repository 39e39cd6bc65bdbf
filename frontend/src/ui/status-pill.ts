import { setText } from './elements.ts';

/**
 * - `idle`    nothing is happening, and nothing should be
 * - `live`    the broadcast is running
 * - `busy`    the page is working on it; the person need not do anything
 * - `trouble` the person has to act, or the page has given up
 */
export type StatusTone = 'idle' | 'live' | 'busy' | 'trouble';

/** The page's status in a few words. Screen readers read it aloud when it changes. */
export class StatusPill extends HTMLElement {
  /** Makes <onecast-status> a StatusPill. Call it once per page, before the page looks for one. */
  static define(): void {
    customElements.define('onecast-status', StatusPill);
  }

  connectedCallback(): void {
    this.setAttribute('role', 'status');
    this.setAttribute('aria-live', 'polite');
  }

  /** `status` is the connection's own status; tests and styles read it from data-status. */
  show(status: string, tone: StatusTone, words: string): void {
    this.dataset.status = status;
    this.dataset.tone = tone;
    setText(this, words);
  }
}
