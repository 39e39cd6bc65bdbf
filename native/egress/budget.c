#include "budget.h"

#include <stdlib.h>

#include "limits.h"
#include "packets.h"
#include "stats.h"

static bool is_retransmission_type[128];

void budget_set_types(const char *types) {
  for (unsigned i = 0; i < 128; i++) is_retransmission_type[i] = false;
  while (types && *types) {
    char *end;
    unsigned long type = strtoul(types, &end, 10);
    if (end == types) return;
    if (type < 128) is_retransmission_type[type] = true;
    types = *end == ',' ? end + 1 : end;
  }
}

void budget_init(Budget *budget) {
  budget->left = RETRANSMISSION_BURST_BYTES;
  budget->streams = 0;
}

/* Without a stream of its own, a retransmission is the same packet again: its number is not new. */
static bool is_again(Budget *budget, const unsigned char *bytes) {
  if (is_retransmission_type[bytes[1] & 0x7f]) return true;
  uint16_t sequence = (uint16_t)read_16(bytes + 2);
  uint32_t ssrc = read_32(bytes + 8);
  for (unsigned i = 0; i < budget->streams; i++) {
    if (budget->stream[i].ssrc != ssrc) continue;
    if ((int16_t)(uint16_t)(sequence - budget->stream[i].highest) <= 0) return true;
    budget->stream[i].highest = sequence;
    return false;
  }
  /* With more streams than places, the oldest is forgotten. Then its next packet counts as new. */
  if (budget->streams == BUDGET_STREAMS_MAX) {
    memmove(budget->stream, budget->stream + 1, sizeof budget->stream - sizeof *budget->stream);
    budget->streams--;
  }
  budget->stream[budget->streams].ssrc = ssrc;
  budget->stream[budget->streams].highest = sequence;
  budget->streams++;
  return false;
}

bool budget_allows(Budget *budget, const unsigned char *bytes, size_t length) {
  if (!is_media(bytes, length)) return true;
  if (!is_again(budget, bytes)) {
    budget->left += (int32_t)length;
    if (budget->left > RETRANSMISSION_BURST_BYTES) budget->left = RETRANSMISSION_BURST_BYTES;
    return true;
  }
  if (budget->left < (int32_t)length) {
    stats->over_budget++;
    return false;
  }
  budget->left -= (int32_t)length;
  return true;
}
