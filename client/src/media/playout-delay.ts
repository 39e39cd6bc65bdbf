/**
 * Holds picture and sound back by the same time, in the browser's own jitter buffers: what waits
 * there is encoded and small, and the two stay in step with each other.
 */
export class JitterBufferDelay {
  #receivers = new Set<RTCRtpReceiver>();
  #delayMs = 0;

  add(receiver: RTCRtpReceiver): void {
    for (const old of this.#receivers) {
      if (old.track.readyState === 'ended') this.#receivers.delete(old);
    }
    this.#receivers.add(receiver);
    if (this.#delayMs > 0) this.#apply(receiver);
  }

  /** 0 leaves it to the browser. */
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
