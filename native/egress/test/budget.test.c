/* EGRESS-6: what is sent to a destination again is bounded by what it is sent for the first time. */
#define _GNU_SOURCE
#include "support.h"

#include "../budget.h"

enum { MEDIA = 101, RETRANSMISSION = 102, BYTES = 1000 };

static void open_library(bool direct) {
  egress_open((EgressOptions){.direct = direct, .retransmission_types = "97,102"});
}

/* Sends a packet, ends the turn, and returns how many arrived. */
static unsigned send_rtp(int from, int to, unsigned type, uint16_t sequence, uint32_t ssrc) {
  unsigned char bytes[BYTES] = {0x80, (unsigned char)type, (unsigned char)(sequence >> 8),
                                (unsigned char)sequence, [8] = (unsigned char)(ssrc >> 24),
                                (unsigned char)(ssrc >> 16), (unsigned char)(ssrc >> 8),
                                (unsigned char)ssrc};
  Name name = name_of(to);
  check(sendto(from, bytes, BYTES, 0, &name.any, length_of(&name)) == BYTES);
  turn(0);
  unsigned arrived = 0;
  while (recv(to, bytes, BYTES, MSG_DONTWAIT) == BYTES) arrived++;
  return arrived;
}

/* Sends `count` packets; the sequence numbers begin at 1 and go up by `step`. */
static unsigned send_many(int from, int to, unsigned type, unsigned count, unsigned step) {
  unsigned arrived = 0;
  for (unsigned n = 0; n < count; n++) arrived += send_rtp(from, to, type, (uint16_t)(1 + n * step), type);
  return arrived;
}

static const unsigned BURST = RETRANSMISSION_BURST_BYTES / BYTES;

static void expect_bounded(int family) {
  int from = udp(family), to = udp(family), other = udp(family);
  check(send_many(from, to, RETRANSMISSION, 3 * BURST, 1) == BURST);
  check(stats->over_budget == 2 * BURST);
  /* New packets always go, and earn as much. */
  check(send_many(from, to, MEDIA, 100, 1) == 100);
  check(send_many(from, to, RETRANSMISSION, 300, 1) == 100);
  /* Nobody else's budget is touched, and none grows beyond the burst. */
  check(send_many(from, other, MEDIA, 3 * BURST, 1) == 3 * BURST);
  check(send_many(from, other, RETRANSMISSION, 3 * BURST, 1) == BURST);
}

static void with_a_stream_of_its_own(void) {
  open_library(false);
  expect_bounded(AF_INET);
}

static void without_batching(void) {
  open_library(true);
  check(stats->on == 0);
  expect_bounded(AF_INET);
  check(stats->queued == 0);
}

static void over_ipv6(void) {
  open_library(false);
  expect_bounded(AF_INET6);
}

/* The same packet again, as audio is sent again, and video to viewers without RTX. */
static void the_same_packet(void) {
  open_library(false);
  int from = udp(AF_INET), to = udp(AF_INET);
  check(send_rtp(from, to, MEDIA, 65535, 7) == 1);
  unsigned arrived = 0;
  for (unsigned n = 0; n < 2 * BURST; n++) arrived += send_rtp(from, to, MEDIA, 65535, 7);
  check(arrived == BURST);
  /* Sequence numbers wrap around; each stream has its own. */
  check(send_rtp(from, to, MEDIA, 0, 7) == 1);
  check(send_rtp(from, to, MEDIA, 65534, 7) == 1);
  check(send_rtp(from, to, MEDIA, 65534, 7) == 0);
  check(send_rtp(from, to, MEDIA, 65534, 8) == 1);
}

static void large_packets(void) {
  open_library(false);
  int from = udp(AF_INET), to = udp(AF_INET);
  Name name = name_of(to);
  unsigned char bytes[2000] = {0x80, RETRANSMISSION};
  unsigned arrived = 0;
  for (unsigned n = 0; n < BURST; n++) {
    check(sendto(from, bytes, sizeof bytes, 0, &name.any, length_of(&name)) == sizeof bytes);
    while (recv(to, bytes, sizeof bytes, MSG_DONTWAIT) > 0) arrived++;
  }
  check(arrived == RETRANSMISSION_BURST_BYTES / sizeof bytes);
}

static void other_packets(void) {
  open_library(false);
  int from = udp(AF_INET), to = udp(AF_INET);
  Name name = name_of(to);
  check(send_many(from, to, RETRANSMISSION, BURST + 1, 1) == BURST);
  /* A STUN response, DTLS, and RTCP of a type that looks like the retransmissions'. */
  static const unsigned char OTHERS[3][20] = {{0x01, 0x01}, {22, 254}, {0x80, 200}};
  for (int i = 0; i < 3; i++) {
    for (unsigned n = 0; n < 3; n++) {
      unsigned char bytes[20];
      check(sendto(from, OTHERS[i], 20, 0, &name.any, length_of(&name)) == 20);
      turn(0);
      check(recv(to, bytes, sizeof bytes, 0) == 20);
    }
  }
}

static void many_streams(void) {
  Budget budget;
  budget_set_types("102");
  budget_init(&budget);
  unsigned char bytes[1000] = {0x80, MEDIA};
  budget.left = 0;
  for (unsigned ssrc = 0; ssrc < 3 * BUDGET_STREAMS_MAX; ssrc++) {
    bytes[11] = (unsigned char)ssrc;
    check(budget_allows(&budget, bytes, sizeof bytes));
    check(budget_allows(&budget, bytes, sizeof bytes));
    check(!budget_allows(&budget, bytes, sizeof bytes));
  }
  budget_set_types("x,300,-1");
  bytes[1] = RETRANSMISSION;
  bytes[2] = 1;
  check(budget_allows(&budget, bytes, sizeof bytes));
}

const Test BUDGET_TESTS[] = {
    {"EGRESS-6 retransmissions in a stream of their own", with_a_stream_of_its_own},
    {"EGRESS-6 without batching", without_batching},
    {"EGRESS-6 over IPv6", over_ipv6},
    {"EGRESS-6 the same packet again", the_same_packet},
    {"EGRESS-6 packets too large to be queued", large_packets},
    {"EGRESS-6 STUN, DTLS and RTCP always go", other_packets},
    {"EGRESS-6 more streams than places", many_streams},
    {0},
};
