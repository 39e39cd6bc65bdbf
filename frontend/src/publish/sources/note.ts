import { once, type OverlaySource } from './source.ts';

const key = { topic: 'note', key: 'line' } as const;
const maxLength = 300;

export const note: OverlaySource = {
  id: 'note',
  name: 'Note',
  description: 'A line of text that you type, near the lower edge of the picture.',
  start(context) {
    let text = '';
    const set = (next: string) => {
      if (next === text) return;
      text = next;
      context.setState({
        kind: 'shapes',
        ...key,
        capturedAt: context.now(),
        shapes:
          text === ''
            ? null
            : [{ type: 'text', x: 0.5, y: 0.88, size: 0.06, align: 'center', text }],
      });
    };
    const stopNotes = context.onNote((typed) => set(typed.trim().slice(0, maxLength)));
    return once(() => {
      stopNotes();
      set('');
    });
  },
};
