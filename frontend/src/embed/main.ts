/** The viewer without panels and most controls, for a frame in another web page. */
import { readAddress } from '#protocol/room-link.ts';
import { openStage, showNoSuchRoom } from '../join/stage.ts';
import { StatusPill } from '../ui/status-pill.ts';

StatusPill.define();

const { room } = readAddress(location);
if (room === undefined) showNoSuchRoom();
else openStage(room);
document.documentElement.dataset.ready = 'true';
