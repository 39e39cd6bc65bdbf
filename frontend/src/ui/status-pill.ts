import { setText } from './elements.ts';

/**
 * - `idle`    nothing goes on and nothing should
 * - `live`    on air
 * - `busy`    being worked on, no hand needed
 * - `trouble` a person is needed, or it is over for good
 */
export type StatusTone = 'idle' | 'live' | 'busy' | 'trouble';

/** The page's state in a few words, spoken by screen readers when it changes. */
export class StatusPill extends HTMLElement {
  connectedCallback(): void {
    this.setAttribute('role', 'status');
    this.setAttribute('aria-live', 'polite');
  }

  /** `status` is the machine's word for it, kept in data-status for tests and styles. */
  show(status: string, tone: StatusTone, words: string): void {
    this.dataset.status = status;
    this.dataset.tone = tone;
    setText(this, words);
  }
}
