import type { OverlaySource } from '../types.ts';
import { clearTopic, once, sendShapes } from './shapes.ts';

const topic = 'note';
/** A lost message is made good by the next. */
const repeatMs = 2000;
/** Longer than a few repeats, for a hidden tab's timers come late. */
const ttlMs = 10_000;
const maxLength = 300;

export const note: OverlaySource = {
  id: 'note',
  name: 'Note',
  description: 'A line of text that you type, near the lower edge of the picture.',
  start(context) {
    let text = '';
    const send = () => {
      sendShapes(
        context,
        topic,
        [{ type: 'text', x: 0.5, y: 0.88, size: 0.06, align: 'center', text }],
        { ttlMs },
      );
    };
    const timer = setInterval(() => {
      if (text !== '') send();
    }, repeatMs);
    const forget = context.onNote((typed) => {
      const next = typed.trim().slice(0, maxLength);
      if (next === text) return;
      text = next;
      if (text === '') clearTopic(context, topic);
      else send();
    });
    return once(() => {
      forget();
      clearInterval(timer);
      clearTopic(context, topic);
    });
  },
};
