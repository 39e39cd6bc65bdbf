#!/bin/sh
# The media worker with batched sending preloaded into it, and into nothing else.
: "${MEDIA_EGRESS_LIBRARY:?is not set}" "${MEDIASOUP_WORKER_BIN:?is not set}"
LD_PRELOAD="$MEDIA_EGRESS_LIBRARY${LD_PRELOAD:+:$LD_PRELOAD}" exec "$MEDIASOUP_WORKER_BIN" "$@"
