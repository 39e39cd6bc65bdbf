/*
 * What protects the media port: decides what is sent, received and accepted. It holds where sending is
 * not batched, too.
 */
#ifndef EGRESS_GUARD_H
#define EGRESS_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "destinations.h"

/* False if the datagram must not be sent. `start`: its PACKET_START_BYTES. Call this with the lock
   held. */
bool guard_allows(Destination *to, const struct msghdr *message, const unsigned char *start,
                  size_t length);

/* A connection was accepted. False if it must be closed at once. */
bool guard_accepted(int descriptor);
/* Call this for what was read from a descriptor. False if the connection must end. */
bool guard_read(int descriptor, const void *bytes, size_t length);
/* Returns true if the descriptor is an accepted connection: `*sent` and errno are then the result. */
bool guard_write(int descriptor, const struct iovec *pieces, int count, ssize_t *sent);
/* Call this for a datagram that was received. False if the caller must not get it. */
bool guard_received(int descriptor, const struct msghdr *message, size_t length);

#endif
