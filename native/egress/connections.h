/*
 * TCP connections to the media port (ICE-TCP, frames as in RFC 4571). The worker has no limit for
 * them. Here, connections on which no STUN check has succeeded are limited by address and in time; a
 * frame that is too large ends its connection; and a connection that accepts no more loses whole
 * frames, as UDP would, so that nothing waits for it in the worker's memory.
 *
 * Call these with the library's lock held.
 */
#ifndef EGRESS_CONNECTIONS_H
#define EGRESS_CONNECTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

/* `unproved_ms`: time for the first valid check. */
void connections_open(unsigned unproved_ms);

/* True if the descriptor was accepted as a connection, and not closed since. Needs no lock. */
bool connection_is_known(int descriptor);

/* False if the connection, just accepted, must be closed: its address has too many. */
bool connection_accepted(int descriptor);
void connection_closed(int descriptor);

/* Call this for what was read. False if the connection must end. */
bool connection_received(int descriptor, const unsigned char *bytes, size_t length);

/* Writes one frame and returns what writev() would; a frame for which there is no room counts as
   written. */
ssize_t connection_write(int descriptor, const struct iovec *pieces, int count);

/* Cuts the connections whose time is over. Returns the time in ms until it must be called again, -1
   if there is no limit. */
int connections_turn_ends(void);

/* Forgets all connections; in a forked child they belong to the parent. */
void connections_clear(void);

#endif
