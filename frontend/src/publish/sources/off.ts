import type { OverlaySource } from './types.ts';

export const off: OverlaySource = {
  id: 'off',
  name: 'Nothing',
  description: 'Only the picture is sent.',
  start: () => () => {},
};
