#include "destinations.h"

#include <string.h>

#include "limits.h"

enum { SLOTS = DESTINATIONS_MAX * 2 };

static Destination destinations[DESTINATIONS_MAX];
static unsigned used;
/* Hash table with open addressing; each slot holds 1 + the index of a destination, or 0. */
static uint16_t slots[SLOTS];

socklen_t address_of(const Socket *socket, const void *name, socklen_t length, Address *address) {
  /* Copied field by field: all bytes are compared, and callers fill the padding differently. */
  memset(address, 0, sizeof *address);
  if (socket->family == AF_INET && length >= sizeof address->v4) {
    struct sockaddr_in from;
    memcpy(&from, name, sizeof from);
    if (from.sin_family != AF_INET || from.sin_port == 0) return 0;
    address->v4.sin_family = AF_INET;
    address->v4.sin_port = from.sin_port;
    address->v4.sin_addr = from.sin_addr;
    return sizeof address->v4;
  }
  if (socket->family == AF_INET6 && length >= sizeof address->v6) {
    struct sockaddr_in6 from;
    memcpy(&from, name, sizeof from);
    if (from.sin6_family != AF_INET6 || from.sin6_port == 0) return 0;
    address->v6 = from;
    return sizeof address->v6;
  }
  return 0;
}

static uint32_t hash_of(const Socket *socket, const Address *address, socklen_t length) {
  uint64_t hash = (uintptr_t)socket;
  for (socklen_t offset = 0; offset < length; offset += 4) {
    uint32_t word;
    memcpy(&word, (const char *)address + offset, 4);
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 29;
  }
  return (uint32_t)(hash >> 16);
}

Destination *destination_of(Socket *socket, const Address *address, socklen_t length) {
  uint32_t slot = hash_of(socket, address, length);
  for (;; slot++) {
    uint16_t *index = &slots[slot % SLOTS];
    if (*index == 0) {
      if (used == DESTINATIONS_MAX) return 0;
      *index = (uint16_t)++used;
      Destination *created = &destinations[used - 1];
      *created = (Destination){.socket = socket, .address = *address, .address_length = length};
      created->head = created->tail = NONE;
      return created;
    }
    Destination *found = &destinations[*index - 1];
    if (found->socket == socket && found->address_length == length &&
        memcmp(&found->address, address, length) == 0) {
      return found;
    }
  }
}

void destinations_clear(void) {
  memset(slots, 0, sizeof slots);
  used = 0;
}
