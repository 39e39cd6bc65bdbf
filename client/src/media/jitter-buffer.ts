/**
 * Delays video and audio by the same time in the browser's own jitter buffers. What waits there is
 * still encoded, so it is small, and the two stay synchronised.
 */
export class JitterBufferDelay {
  #receivers = new Set<RTCRtpReceiver>();
  #delayMs = 0;

  /** Applies the delay to one more receiver; receivers whose track has ended are forgotten. */
  add(receiver: RTCRtpReceiver): void {
    for (const old of this.#receivers) {
      if (old.track.readyState === 'ended') this.#receivers.delete(old);
    }
    this.#receivers.add(receiver);
    if (this.#delayMs > 0) this.#apply(receiver);
  }

  /** 0 lets the browser choose. */
  set delayMs(delayMs: number) {
    if (delayMs === this.#delayMs) return;
    this.#delayMs = delayMs;
    for (const receiver of this.#receivers) this.#apply(receiver);
  }

  close(): void {
    this.#receivers.clear();
  }

  #apply(receiver: RTCRtpReceiver): void {
    if (!('jitterBufferTarget' in receiver)) return;
    receiver.jitterBufferTarget = this.#delayMs === 0 ? null : this.#delayMs;
  }
}
