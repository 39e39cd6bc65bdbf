#include "loadgen.h"

#include <string.h>

static const uint8_t MAGIC[4] = {0x6f, 0x63, 0xb7, 0x1d};

/* The beginning belongs to the codec: servers may rewrite it. */
void payload_fill(uint8_t *payload, int length, uint32_t packet, long long sent_us) {
  int end = length - TRAILER;
  for (int i = FILLED_FROM; i < end; i++) payload[i] = packet + i;
  memcpy(payload + end, MAGIC, 4);
  memcpy(payload + end + 4, &packet, 4);
  memcpy(payload + end + 8, &sent_us, 8);
}

int payload_read(const uint8_t *payload, int length, uint32_t *packet, long long *sent_us) {
  int end = length - TRAILER;
  if (end < FILLED_FROM || memcmp(payload + end, MAGIC, 4)) return 0;
  memcpy(packet, payload + end + 4, 4);
  memcpy(sent_us, payload + end + 8, 8);
  for (int i = FILLED_FROM; i < end; i++) {
    if (payload[i] != (uint8_t)(*packet + i)) return -1;
  }
  return 1;
}
