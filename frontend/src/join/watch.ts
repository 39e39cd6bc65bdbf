import type { RoomId } from '#protocol/ids.ts';
import { watchLinkToken } from '#client/credentials/link-token.ts';
import type { ViewerConnection } from '#client/connection/types.ts';
import { connectViewer } from '#client/connection/viewer.ts';
import { readPageConfig } from '../ui/page-config.ts';

/** The connection of this page, with the token of its link. */
export function watch(room: RoomId): ViewerConnection {
  const token = watchLinkToken(room, () => {
    // The link before was no good; this one may be. A picture that runs is left alone.
    if (connection.status.peek() === 'failed') location.reload();
  });
  const connection = connectViewer({ room, page: readPageConfig(), token });
  return connection;
}
