/** The viewer without panels and most controls, for a frame in another web page. */
import { openStage, showNoSuchRoom } from '../join/stage.ts';
import { roomFromPath } from '../ui/room-link.ts';
import { StatusPill } from '../ui/status-pill.ts';

StatusPill.define();

const room = roomFromPath(location.pathname);
if (room === undefined) showNoSuchRoom();
else openStage(room);
document.documentElement.dataset.ready = 'true';
