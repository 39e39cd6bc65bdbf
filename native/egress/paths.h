/*
 * Return routability: an address to which the worker may send media has to prove that it receives
 * what is sent to it. Whoever owns a session can send a STUN check with somebody else's address, and
 * the worker believes it. So when the worker answers a check, the library sends one of its own, with a
 * random transaction id, which only the owner of the address sees; every ICE agent of a browser
 * answers it (RFC 8489, 6.3.1, with an error, because it is not signed). Until then the address gets a
 * few times the bytes that came from it.
 *
 * Call these with the library's lock held.
 */
#ifndef EGRESS_PATHS_H
#define EGRESS_PATHS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "packets.h"
#include "sockets.h"

/* Call this before a positive answer to a check is sent to an address: sends a check of our own if
   one is due. From then on the socket is one for ICE. */
void path_answered(Socket *socket, const Address *address, socklen_t address_length,
                   const unsigned char answer[STUN_HEADER_BYTES], size_t length);

/* True if this datagram, which is not STUN, may be sent; `*proved`: so may all until the next answer.
   `bytes`: all of it, or null if it is in several pieces. */
bool path_allows(const Socket *socket, const Address *address, socklen_t address_length,
                 const unsigned char *start, const unsigned char *bytes, size_t length, bool *proved);

/* True if datagrams must be passed to path_received() even if they are not STUN. */
bool paths_count_received(void);
/* Returns true if the datagram is the answer to our check: nobody else needs it. */
bool path_received(const Socket *socket, const Address *address, socklen_t address_length,
                   const unsigned char *bytes, size_t length);

#endif
