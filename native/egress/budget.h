/*
 * The retransmission budget of one destination: what is sent to it again may be as much as what is
 * sent to it for the first time, plus a burst. So what a receiver reports (NACKs, round trips) can at
 * most double what it gets.
 */
#ifndef EGRESS_BUDGET_H
#define EGRESS_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A viewer gets video, audio and probes; a pipe between workers a few layers more. */
enum { BUDGET_STREAMS_MAX = 8 };

typedef struct {
  /* Bytes that may be sent again. */
  int32_t left;
  uint8_t streams;
  /* The streams sent so far. `highest`: sequence number. */
  struct {
    uint32_t ssrc;
    uint16_t highest;
  } stream[BUDGET_STREAMS_MAX];
} Budget;

/* `types`: the payload types of retransmissions (RFC 4588), decimal numbers separated by commas. */
void budget_set_types(const char *types);

void budget_init(Budget *budget);

/* Takes a packet into account. `bytes`: its first PACKET_START_BYTES, or all of it if it is shorter.
   False if it must not be sent. */
bool budget_allows(Budget *budget, const unsigned char *bytes, size_t length);

#endif
