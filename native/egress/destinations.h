/* The addresses that a socket sends to, and the datagrams queued for each. */
#ifndef EGRESS_DESTINATIONS_H
#define EGRESS_DESTINATIONS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "sockets.h"

/* Index that means "no datagram". */
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
  /* A queued datagram failed. Until a send succeeds, each datagram is sent directly, so that the
     caller gets the kernel's error. */
  bool last_failed;
  /* Datagrams queued for this destination, oldest first. */
  uint32_t head, tail;
  /* The next destination of the same socket that has queued datagrams. */
  struct Destination *next;
} Destination;

/* Copies an address that the socket can send to. Returns its length, or 0 for an address that only
   the kernel can judge. */
socklen_t address_of(const Socket *socket, const void *name, socklen_t length, Address *address);

/* Null if the table is full: see destinations_clear(). */
Destination *destination_of(Socket *socket, const Address *address, socklen_t length);

/* Forgets all destinations. Allowed only while nothing is queued. */
void destinations_clear(void);

#endif
