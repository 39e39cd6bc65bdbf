/*
 * What a viewer does with the packets that it receives. All viewers count by the header, which is not
 * encrypted. Sampled viewers also decrypt, check the payload and measure the delay.
 */
#include "loadgen.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { BUCKET_US = 20, BUCKETS = 50 * 1000 };
static uint32_t delays[BUCKETS];
static uint64_t delay_count;

/* Offset of the payload, or 0 if this is not an RTP packet. */
static int payload_at(const uint8_t *p, int length) {
  int at = 12 + 4 * (p[0] & 15);
  if (p[0] & 16 && at + 4 <= length) at += 4 + 4 * (p[at + 2] << 8 | p[at + 3]);
  return at < length ? at : 0;
}

/* Whether a VP8 payload (RFC 7741) begins a key frame. */
static int begins_key_frame(const uint8_t *payload, int length) {
  if (length < 6) return 0;
  int at = 0, starts = payload[0] & 16;
  if (payload[at++] & 128) {
    int flags = payload[at++];
    if (flags & 128) at += payload[at] & 128 ? 2 : 1;
    if (flags & 64) at++;
    if (flags & 48) at++;
  }
  return at < length && starts && !(payload[at] & 1);
}

/* The transport-wide number in a one-byte header extension (RFC 8285), or -1. */
static int transport_number(const uint8_t *p, int length, int id) {
  int at = 12 + 4 * (p[0] & 15);
  if (!(p[0] & 16) || at + 4 > length || p[at] != 0xbe || p[at + 1] != 0xde) return -1;
  int end = at + 4 + 4 * (p[at + 2] << 8 | p[at + 3]);
  for (at += 4; at < end && at + 2 < length;) {
    if (p[at] == 0) at++;
    else if (p[at] >> 4 == id) return p[at + 1] << 8 | p[at + 2];
    else at += 2 + (p[at] & 15);
  }
  return -1;
}

void delay_seen(long long us) {
  long long bucket = us < 0 ? 0 : us / BUCKET_US;
  delays[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
  delay_count++;
}

static void sample(Leg *leg, uint8_t *packet, int length, long long arrived) {
  if (srtp_unprotect(leg->srtp_in, packet, &length) != srtp_err_status_ok) {
    counts.broken++;
    return;
  }
  int at = payload_at(packet, length);
  if (!leg->first) {
    leg->first = 1;
    printf("packet %d %lld %s\n", leg->id, now_us(),
           at && begins_key_frame(packet + at, length - at) ? "key" : "delta");
  }
  uint32_t number;
  long long sent;
  int ours = at ? payload_read(packet + at, length - at, &number, &sent) : 0;
  if (ours < 0) counts.wrong++;
  if (ours <= 0) return;
  delay_seen(arrived - sent);
}

void viewer_receive(Leg *leg, uint8_t *packet, int length, int is_whole, long long arrived) {
  if (packet[1] >= 192 && packet[1] <= 223) {
    hostile_heard(leg, packet, length);
    return;
  }
  uint32_t ssrc;
  memcpy(&ssrc, packet + 8, 4);
  if (leg->feedback == FEEDBACK_TWCC && leg->arrivals < ARRIVALS) {
    int number = transport_number(packet, length, leg->twcc_id);
    if (number >= 0) {
      leg->arrived_seq[leg->arrivals] = number;
      leg->arrived_us[leg->arrivals++] = now_us();
    }
  }
  /* The server's bandwidth probes are another stream. */
  if (ntohl(ssrc) != leg->ssrc) {
    counts.other++;
    return;
  }
  uint16_t seq = packet[2] << 8 | packet[3];
  if (leg->highest < 0) leg->highest = leg->base = seq;
  int16_t ahead = seq - (uint16_t)leg->highest;
  int64_t extended = leg->highest + ahead;
  if (extended > leg->highest) leg->highest = extended;
  if (extended >= leg->base) {
    leg->received++;
    counts.received++;
  }
  if (leg->sampled && is_whole) sample(leg, packet, length, arrived);
  else if (!leg->first) {
    leg->first = 1;
    printf("packet %d %lld unknown\n", leg->id, now_us());
  }
}

/* --- feedback to the server */

static void send_packet(Leg *leg, uint8_t *packet, int length) {
  if (srtp_protect_rtcp(leg->srtp_out, packet, &length) == srtp_err_status_ok)
    send(leg->fd, packet, length, 0);
}

static int put16(uint8_t *at, unsigned value) {
  at[0] = value >> 8, at[1] = value;
  return 2;
}

static int put32(uint8_t *at, uint32_t value) {
  put16(at, value >> 16);
  put16(at + 2, value);
  return 4;
}

static int receiver_report(Leg *leg, uint8_t *at) {
  int end = put32(at, 0x81c90007);
  end += put32(at + end, 1);
  end += put32(at + end, leg->ssrc);
  end += put32(at + end, 0);
  end += put32(at + end, leg->highest);
  for (int i = 0; i < 3; i++) end += put32(at + end, 0);
  return end;
}

/* Writes a REMB of 3 Mbit/s, more than the publisher sends, so that the server sends everything. */
static int remb(Leg *leg, uint8_t *at) {
  int end = put32(at, 0x8fce0005);
  end += put32(at + end, 1);
  end += put32(at + end, 0);
  memcpy(at + end, "REMB", 4);
  end += 4;
  end += put32(at + end, 1u << 24 | 4u << 18 | 3000000u >> 4);
  return end + put32(at + end, leg->ssrc);
}

/* draft-holmer-rmcat-transport-wide-cc-extensions-01, two bits per packet. */
static void say_arrivals(Leg *leg) {
  uint8_t packet[PACKET];
  uint16_t first = leg->arrived_seq[0];
  int span = 0;
  for (int i = 0; i < leg->arrivals; i++) {
    int16_t at = leg->arrived_seq[i] - first;
    if (at >= span) span = at + 1;
  }
  if (span > ARRIVALS) span = ARRIVALS;
  static long long arrived[ARRIVALS];
  memset(arrived, 0, sizeof arrived);
  for (int i = 0; i < leg->arrivals; i++) {
    int16_t at = leg->arrived_seq[i] - first;
    if (at >= 0 && at < span && !arrived[at]) arrived[at] = leg->arrived_us[i];
  }
  long long reference = arrived[0] / 64000;
  int end = put32(packet, 0x8fcd0000);
  end += put32(packet + end, 1);
  end += put32(packet + end, leg->ssrc);
  end += put16(packet + end, first);
  end += put16(packet + end, span);
  end += put32(packet + end, (uint32_t)reference << 8 | leg->twcc_count++);
  uint8_t deltas[2 * ARRIVALS];
  int deltas_end = 0;
  long long last = reference * 256;
  for (int from = 0; from < span; from += 7) {
    unsigned chunk = 0xc000;
    for (int i = from; i < from + 7 && i < span; i++) {
      if (!arrived[i]) continue;
      long long quarter_ms = arrived[i] / 250, delta = quarter_ms - last;
      int is_small = delta >= 0 && delta < 256;
      last = quarter_ms;
      chunk |= (is_small ? 1u : 2u) << (12 - 2 * (i - from));
      if (is_small) deltas[deltas_end++] = delta;
      else deltas_end += put16(deltas + deltas_end, (uint16_t)delta);
    }
    end += put16(packet + end, chunk);
  }
  memcpy(packet + end, deltas, deltas_end);
  end += deltas_end;
  while (end & 3) packet[end++] = 0;
  put16(packet + 2, end / 4 - 1);
  leg->arrivals = 0;
  send_packet(leg, packet, end);
}

void viewer_tick(Leg *leg, long long now) {
  if (!leg->up || leg->highest < 0) return;
  if (now >= leg->report_at) {
    uint8_t packet[256];
    int end = receiver_report(leg, packet);
    if (leg->feedback == FEEDBACK_REMB) end += remb(leg, packet + end);
    send_packet(leg, packet, end);
    leg->report_at = now + REPORT_US;
  }
  if (now >= leg->arrivals_at) {
    if (leg->arrivals > 0) say_arrivals(leg);
    leg->arrivals_at = now + ARRIVALS_US;
  }
}

/* --- stats */

void viewers_mark(void) {
  for (int i = 0; i < leg_count; i++) {
    legs[i]->base = legs[i]->highest < 0 ? -1 : legs[i]->highest + 1;
    legs[i]->received = 0;
  }
  memset(&counts, 0, sizeof counts);
  memset(delays, 0, sizeof delays);
  delay_count = 0;
}

static double delay_ms(double share) {
  uint64_t wanted = share * delay_count, seen = 0;
  for (int i = 0; i < BUCKETS; i++) {
    seen += delays[i];
    if (delays[i] && seen >= wanted) return (i + 1) * BUCKET_US / 1000.0;
  }
  return -1;
}

void viewers_report(void) {
  uint64_t least = UINT64_MAX;
  int64_t lost = 0;
  int up = 0, silent = 0;
  for (int i = 0; i < leg_count; i++) {
    Leg *leg = legs[i];
    if (leg == publisher.leg) continue;
    up += leg->up && !leg->failed;
    silent += leg->received == 0;
    if (leg->received < least) least = leg->received;
    int64_t missing = leg->highest < 0 ? 0 : leg->highest - leg->base + 1 - (int64_t)leg->received;
    if (missing > 0) lost += missing;
  }
  printf("report {\"up\":%d,\"silent\":%d,\"received\":%llu,\"least\":%llu,"
         "\"lost\":%lld,\"other\":%llu,\"broken\":%llu,\"wrong\":%llu,\"sent\":%llu,"
         "\"keyRequests\":%llu,\"messages\":%llu,\"messagesSent\":%llu,\"samples\":%llu,\"p50\":%.2f,\"p90\":%.2f,\"p99\":%.2f,"
         "\"max\":%.2f}\n",
         up, silent, (unsigned long long)counts.received,
         (unsigned long long)(least == UINT64_MAX ? 0 : least), (long long)lost, (unsigned long long)counts.other, (unsigned long long)counts.broken,
         (unsigned long long)counts.wrong, (unsigned long long)counts.sent,
         (unsigned long long)counts.key_requests, (unsigned long long)counts.messages,
         (unsigned long long)counts.messages_sent, (unsigned long long)delay_count, delay_ms(0.5),
         delay_ms(0.9), delay_ms(0.99), delay_ms(1));
}
