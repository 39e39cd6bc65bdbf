/** The viewer without anything around it, for a frame in somebody else's page. */
import { bindStage, showNoSuchRoom } from '../join/stage.ts';
import { watch } from '../join/watch.ts';
import { defineElements } from '../ui/define.ts';
import { roomFromPath } from '../ui/room-link.ts';

defineElements();

const room = roomFromPath(location.pathname);
if (room === undefined) showNoSuchRoom();
else bindStage(watch(room), room);
document.documentElement.dataset.ready = 'true';
