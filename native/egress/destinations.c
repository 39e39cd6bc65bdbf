#include "destinations.h"

#include <string.h>

#include "limits.h"

enum { SLOTS = DESTINATIONS_MAX * 2 };

static Destination destinations[DESTINATIONS_MAX];
static unsigned used;
/* Hash table with open addressing; each slot holds 1 + the index of a destination, or 0. */
static uint16_t slots[SLOTS];

Destination *destination_of(Socket *socket, const Address *address, socklen_t length) {
  uint32_t slot = address_hash(socket, address, length);
  for (;; slot++) {
    uint16_t *index = &slots[slot % SLOTS];
    if (*index == 0) {
      if (used == DESTINATIONS_MAX) return 0;
      *index = (uint16_t)++used;
      Destination *created = &destinations[used - 1];
      *created = (Destination){.socket = socket, .address = *address, .address_length = length};
      created->head = created->tail = NONE;
      budget_init(&created->budget);
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
