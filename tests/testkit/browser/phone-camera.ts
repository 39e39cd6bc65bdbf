import '#client/frame-sync/publisher/upright-track.ts';

/**
 * A phone's camera as a page gets it: the sensor's picture, and the angle by which it has to be turned.
 * In the sensor's picture the left half is red, the right half blue, and a white square wanders along
 * its upper part.
 */
declare global {
  /** Degrees, clockwise: 0, 90, 180 or 270. May be set at any time. */
  var phoneRotation: number;
}

/** Runs in a publisher's page before its scripts, and replaces the camera. Needs Chromium. */
export function usePhoneCamera(): void {
  // Other pages of an insecure origin have no devices.
  if (!navigator.mediaDevices) return;
  const [width, height] = [480, 270];
  globalThis.phoneRotation ??= 90;
  const draw = (context: OffscreenCanvasRenderingContext2D, i: number) => {
    context.fillStyle = '#c00000';
    context.fillRect(0, 0, width / 2, height);
    context.fillStyle = '#0000c0';
    context.fillRect(width / 2, 0, width / 2, height);
    context.fillStyle = '#ffffff';
    context.fillRect(200 + 160 * Math.sin(i / 12), 24, 64, 64);
    return context.getImageData(0, 0, width, height).data.buffer;
  };
  navigator.mediaDevices.getUserMedia = async () => {
    if (!MediaStreamTrackGenerator) throw new Error('not in this browser');
    const track = new MediaStreamTrackGenerator({ kind: 'video' });
    const writer = track.writable.getWriter();
    const context = new OffscreenCanvas(width, height).getContext('2d', {
      willReadFrequently: true,
    });
    if (!context) throw new Error('no canvas');
    let i = 0;
    setInterval(() => {
      i += 1;
      const frame = new VideoFrame(draw(context, i), {
        format: 'RGBX',
        codedWidth: width,
        codedHeight: height,
        timestamp: Math.round(performance.now() * 1000),
        rotation: globalThis.phoneRotation,
      } as VideoFrameBufferInit);
      void writer.write(frame).finally(() => frame.close());
    }, 50);
    const settings = track.getSettings.bind(track);
    track.getSettings = () => ({ width, height, ...settings(), deviceId: 'phone' });
    return new MediaStream([track]);
  };
  navigator.mediaDevices.enumerateDevices = async () => [
    {
      kind: 'videoinput',
      deviceId: 'phone',
      label: 'Back camera',
      groupId: '',
      toJSON: () => '',
    },
  ];
}
