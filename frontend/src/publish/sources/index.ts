import type { OverlaySource } from './types.ts';
import { demo } from './demo.ts';
import { motion } from './motion.ts';
import { note } from './note.ts';
import { off } from './off.ts';

/** In the order in which the page offers them. */
export const overlaySources: readonly OverlaySource[] = [off, motion, note, demo];
