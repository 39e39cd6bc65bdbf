#!/bin/sh
# Starts the media worker with batched sending preloaded. Programs that the worker starts don't get it.
: "${MEDIA_EGRESS_LIBRARY:?is not set}" "${MEDIASOUP_WORKER_BIN:?is not set}"
LD_PRELOAD="$MEDIA_EGRESS_LIBRARY${LD_PRELOAD:+:$LD_PRELOAD}" exec "$MEDIASOUP_WORKER_BIN" "$@"
