/** WHIP clients that run in a page: one that publishes a canvas, and an H264 encoder for other clients. */
import type { Page } from 'playwright-core';

export interface WhipClientOptions {
  readonly url: string;
  readonly bearer: string;
  /** Such as `video/VP8`. */
  readonly codec: string;
  /** Three layers, the lowest first. */
  readonly simulcast?: boolean;
}

/**
 * Publishes a red and blue canvas (1280×720, 30 fps) and a tone from `page`, as a JavaScript WHIP client
 * does. Returns the URL of the session.
 */
export async function publishFromPage(page: Page, options: WhipClientOptions): Promise<string> {
  return page.evaluate(async ({ url, bearer, codec, simulcast = false }) => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [1280, 720];
    const context = canvas.getContext('2d')!;
    let frame = 0;
    setInterval(() => {
      context.fillStyle = '#d02020';
      context.fillRect(0, 0, 640, 720);
      context.fillStyle = '#2020d0';
      context.fillRect(640, 0, 640, 720);
      context.fillStyle = '#ffffff';
      context.fillRect((frame += 8) % 1280, 300, 40, 40);
    }, 33);
    const audio = new AudioContext();
    const tone = audio.createOscillator();
    const out = audio.createMediaStreamDestination();
    tone.connect(out);
    tone.start();

    const peer = new RTCPeerConnection();
    const layers = [
      { rid: 'q', scaleResolutionDownBy: 4 },
      { rid: 'h', scaleResolutionDownBy: 2 },
      { rid: 'f' },
    ];
    const sender = peer.addTransceiver(canvas.captureStream(30).getVideoTracks()[0]!, {
      direction: 'sendonly',
      ...(simulcast && { sendEncodings: layers }),
    });
    const codecs = RTCRtpSender.getCapabilities('video')?.codecs ?? [];
    sender.setCodecPreferences(
      codecs.filter(({ mimeType }) => mimeType === codec || mimeType === 'video/rtx'),
    );
    peer.addTransceiver(out.stream.getAudioTracks()[0]!, { direction: 'sendonly' });
    await peer.setLocalDescription();
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/sdp', Authorization: `Bearer ${bearer}` },
      body: peer.localDescription?.sdp ?? '',
    });
    const sdp = await response.text();
    if (response.status !== 201) throw new Error(`${response.status}: ${sdp}`);
    await peer.setRemoteDescription({ type: 'answer', sdp });
    return new URL(response.headers.get('location') ?? '', url).href;
  }, options);
}

/**
 * Encodes a moving picture (640×360) with the page's own H264 encoder, a key frame every
 * `keyFrameIntervalMs`, and calls `sendFrame` with each access unit (Annex B) and its time in ms.
 */
export async function encodeH264(
  page: Page,
  keyFrameIntervalMs: number,
  sendFrame: (unit: Buffer, atMs: number) => void,
): Promise<void> {
  await page.exposeBinding('sendUnit', (_source, base64: string, atMs: number) => {
    sendFrame(Buffer.from(base64, 'base64'), atMs);
  });
  await page.evaluate(async (intervalMs) => {
    const sendUnit = Reflect.get(globalThis, 'sendUnit') as (unit: string, atMs: number) => void;
    const encoder = new VideoEncoder({
      output: (chunk) => {
        const unit = new Uint8Array(chunk.byteLength);
        chunk.copyTo(unit);
        let text = '';
        for (const byte of unit) text += String.fromCharCode(byte);
        sendUnit(btoa(text), chunk.timestamp / 1_000);
      },
      error: (error) => console.error(error),
    });
    encoder.configure({
      codec: 'avc1.64001f',
      width: 640,
      height: 360,
      bitrate: 800_000,
      framerate: 30,
      latencyMode: 'realtime',
      avc: { format: 'annexb' },
    });
    const canvas = new OffscreenCanvas(640, 360);
    const context = canvas.getContext('2d')!;
    const begun = performance.now();
    let keyFrameAt = -Infinity;
    setInterval(() => {
      const atMs = performance.now() - begun;
      context.fillStyle = '#20a020';
      context.fillRect(0, 0, 640, 360);
      context.fillStyle = '#ffffff';
      context.fillRect((atMs / 5) % 640, 150, 40, 40);
      const frame = new VideoFrame(canvas, { timestamp: Math.round(atMs * 1_000) });
      const keyFrame = atMs - keyFrameAt >= intervalMs;
      if (keyFrame) keyFrameAt = atMs;
      encoder.encode(frame, { keyFrame });
      frame.close();
    }, 33);
  }, keyFrameIntervalMs);
}
