import { demo } from './demo.ts';
import { motion } from './motion.ts';
import { note } from './note.ts';
import type { OverlaySource } from './source.ts';

const off: OverlaySource = {
  id: 'off',
  name: 'Nothing',
  description: 'Only the picture is sent.',
  start: () => () => {},
};

/** In the order in which the page offers them. */
export const overlaySources: readonly OverlaySource[] = [off, motion, note, demo];
