/** mediasoup's types for the rest of the server: only files in media/ may import mediasoup itself. */
export type { types } from 'mediasoup';
