/* The few parts of STUN that the library reads and writes (RFC 8489). */
#ifndef EGRESS_STUN_H
#define EGRESS_STUN_H

#include <stddef.h>
#include <stdint.h>

#include "packets.h"

/* A binding request with a fingerprint and nothing else. */
enum { STUN_CHECK_BYTES = STUN_HEADER_BYTES + 8 };
void stun_write_check(unsigned char check[STUN_CHECK_BYTES], const unsigned char id[STUN_ID_BYTES]);

/* A hash of the user that a request names (RFC 8445: the part that the receiver gave out); 0 if it
   names none. */
uint64_t stun_user(const unsigned char *request, size_t length);

#endif
