/* The address of a datagram's other end. */
#ifndef EGRESS_ADDRESS_H
#define EGRESS_ADDRESS_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

typedef union {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
} Address;

struct Socket;

/* Copies an address of the socket's family. Returns its length, or 0 for an address that only the
   kernel can judge. All bytes may be compared. */
socklen_t address_of(const struct Socket *socket, const void *name, socklen_t length,
                     Address *address);

uint32_t address_hash(const struct Socket *socket, const Address *address, socklen_t length);

#endif
