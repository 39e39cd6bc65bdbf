/* Where datagrams of a socket go, and what is queued for each place. */
#ifndef EGRESS_DESTINATIONS_H
#define EGRESS_DESTINATIONS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "sockets.h"

/* No datagram. */
#define NONE UINT32_MAX

typedef union {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
} Address;

typedef struct Destination {
  Socket *socket;
  Address address;
  socklen_t address_length;
  /* Its last datagram was refused: until one succeeds, each is sent by itself and its error told. */
  bool refuses;
  /* Datagrams queued for it, oldest first. */
  uint32_t head, tail;
  /* The next destination of the same socket for which something is queued. */
  struct Destination *next;
} Destination;

/* Copies an address that the socket can send to; its length, or 0 for one left to the kernel. */
socklen_t address_of(const Socket *socket, const void *name, socklen_t length, Address *address);

/* Null where too many are remembered: see destinations_forget(). */
Destination *destination_of(Socket *socket, const Address *address, socklen_t length);

/* Only while nothing is queued at all. */
void destinations_forget(void);

#endif
