// Draws the scene for the screenshots' camera: a lake under hills, a road, and a few moving things.

export const SCENE = { width: 1280, height: 720, framesPerSecond: 30, seconds: 12 };

/**
 * Runs inside a page. Draws the frames `from` (inclusive) to `to` (exclusive) and returns each as a
 * JPEG in base64. Frame `framesPerSecond * seconds` equals frame 0, because the camera loops the file.
 */
export async function drawFrames({ width, height, framesPerSecond, seconds, from, to }) {
  const canvas = new OffscreenCanvas(width, height);
  const c = canvas.getContext('2d', { alpha: false });

  const shape = (color, draw) => {
    c.fillStyle = color;
    c.beginPath();
    draw();
    c.fill();
  };
  const rounded = (color, x, y, w, h, r) => shape(color, () => c.roundRect(x, y, w, h, r));
  const disc = (color, x, y, r) => shape(color, () => c.arc(x, y, r, 0, 2 * Math.PI));
  const hills = (color, base, tall, step, shift) =>
    shape(color, () => {
      c.moveTo(0, 470);
      for (let x = 0; x <= width; x += 8) {
        c.lineTo(
          x,
          base - tall * (Math.sin((x + shift) / step) + 0.4 * Math.sin(x / (step / 2.7))),
        );
      }
      c.lineTo(width, 470);
    });

  const land = () => {
    // Bands instead of a gradient, so that the screenshots stay small.
    const bands = ['#5d86a6', '#7491a6', '#8c9ea5', '#a7aba4', '#c3b7a2', '#dbc1a1', '#f0c9a0'];
    for (const [i, color] of bands.entries()) {
      c.fillStyle = color;
      c.fillRect(0, i * 64, width, 470 - i * 64);
    }
    disc('#fbe3b4', 940, 190, 58);
    hills('#7d93a3', 330, 58, 190, 40);
    hills('#5b7a83', 384, 40, 120, 300);
    hills('#3f6263', 436, 22, 82, 90);
    c.fillStyle = '#7fa9b5';
    c.fillRect(0, 452, width, 96);
    for (const [x, y, w] of [
      [90, 474, 150],
      [420, 490, 90],
      [760, 470, 190],
      [1060, 494, 130],
    ]) {
      rounded('#98bcc4', x, y, w, 4, 2);
    }
    c.fillStyle = '#55784f';
    c.fillRect(0, 532, width, 40);
    c.fillStyle = '#3d4147';
    c.fillRect(0, 566, width, 126);
    c.fillStyle = '#4b6b46';
    c.fillRect(0, 692, width, 28);
    for (let x = 20; x < width; x += 130) rounded('#c9c5b4', x, 626, 64, 5, 2);
    for (const [x, r] of [
      [70, 30],
      [352, 24],
      [708, 28],
      [1204, 32],
    ]) {
      rounded('#5a4a3a', x - 4, 530 - r, 8, 34 + r / 2, 2);
      disc('#38593f', x, 520 - r, r);
      disc('#44694a', x + r / 3, 512 - r * 1.3, r * 0.6);
    }
  };

  const wheel = (x, y) => {
    disc('#1d1f22', x, y, 15);
    disc('#9aa0a6', x, y, 6);
  };
  const car = (x, y, color) => {
    rounded(color, x - 40, y - 62, 78, 40, 16);
    rounded('#d9ecf2', x - 31, y - 55, 28, 20, 6);
    rounded('#d9ecf2', x + 2, y - 55, 27, 20, 6);
    rounded(color, x - 74, y - 36, 148, 36, 14);
    rounded('#fff3c4', x + 64, y - 28, 10, 10, 4);
    wheel(x - 42, y);
    wheel(x + 44, y);
  };
  const van = (x, y) => {
    rounded('#f2efe6', x - 96, y - 94, 150, 90, 10);
    rounded('#e0805a', x - 96, y - 44, 150, 14, 0);
    rounded('#f2efe6', x + 44, y - 68, 56, 64, 14);
    rounded('#d9ecf2', x + 60, y - 60, 30, 24, 6);
    wheel(x - 58, y);
    wheel(x + 66, y);
  };
  const boat = (x, y) => {
    shape('#f7f4ea', () => {
      c.moveTo(x, y - 104);
      c.lineTo(x, y - 18);
      c.lineTo(x + 56, y - 18);
    });
    shape('#e9dcc2', () => {
      c.moveTo(x - 6, y - 88);
      c.lineTo(x - 6, y - 18);
      c.lineTo(x - 40, y - 18);
    });
    shape('#5e3b31', () => {
      c.moveTo(x - 58, y - 14);
      c.lineTo(x + 68, y - 14);
      c.lineTo(x + 46, y + 8);
      c.lineTo(x - 42, y + 8);
    });
  };
  const balloon = (x, y) => {
    shape('#c94f3d', () => c.ellipse(x, y, 46, 54, 0, 0, 2 * Math.PI));
    shape('#f2b84b', () => c.ellipse(x, y, 17, 54, 0, 0, 2 * Math.PI));
    c.strokeStyle = '#6b4a35';
    c.lineWidth = 2;
    c.beginPath();
    c.moveTo(x - 22, y + 46);
    c.lineTo(x - 9, y + 74);
    c.moveTo(x + 22, y + 46);
    c.lineTo(x + 9, y + 74);
    c.stroke();
    rounded('#6b4a35', x - 11, y + 72, 22, 17, 4);
  };

  /** The x position of something that crosses the frame `laps` times per loop. */
  const across = (progress, laps, start) =>
    ((((progress * laps + start) % 1) + 1) % 1) * (width + 320) - 160;
  const around = (progress, turns) => Math.sin(2 * Math.PI * progress * turns);

  const frames = [];
  for (let frame = from; frame < to; frame += 1) {
    const progress = frame / (framesPerSecond * seconds);
    land();
    balloon(across(progress, -1, 0.6), 150 + 18 * around(progress, 2));
    boat(across(progress, 1, 0.35), 500);
    van(across(progress, 1, 0.72), 664);
    car(across(progress, 1, 0.12), 666, '#4f9fb0');
    car(across(progress, 1, 0.42), 666, '#d8a63c');
    const blob = await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.92 });
    frames.push(new Uint8Array(await blob.arrayBuffer()).toBase64());
  }
  return frames;
}
