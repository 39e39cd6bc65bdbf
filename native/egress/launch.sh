#!/bin/sh
# Starts the media worker in place of this script.
#
# The worker must outlive a signal that is sent to the server and all its processes (Ctrl+C, a closed
# terminal, systemd), because the server drains first and then closes it. So the worker gets its own
# session, and SIGTERM, SIGINT and SIGHUP are blocked in it, as far as the system has programs for that. It
# ends when the server closes it or when the server is gone: its channel closes then.
#
# With MEDIA_EGRESS_LIBRARY, batched sending is preloaded. Programs that the worker starts don't get it.
: "${MEDIASOUP_WORKER_BIN:?is not set}"
if [ -n "$MEDIA_EGRESS_LIBRARY" ]; then
  set -- env LD_PRELOAD="$MEDIA_EGRESS_LIBRARY${LD_PRELOAD:+:$LD_PRELOAD}" "$MEDIASOUP_WORKER_BIN" "$@"
else
  set -- "$MEDIASOUP_WORKER_BIN" "$@"
fi
if env --block-signal=TERM,INT,HUP true 2>/dev/null; then
  set -- env --block-signal=TERM,INT,HUP "$@"
fi
if command -v setsid >/dev/null; then
  exec setsid "$@"
elif command -v perl >/dev/null; then
  exec perl -e 'use POSIX; POSIX::setsid(); exec { $ARGV[0] } @ARGV; die "$ARGV[0]: $!\n"' -- "$@"
fi
exec "$@"
