/*
 * The part of SCTP (RFC 9260, over DTLS: RFC 8261) that a data channel without packet loss needs:
 * opening from either side, sending messages, receiving unfragmented ones, acknowledgements. Channels are
 * negotiated by signalling, so nothing is opened in band.
 */
#include "loadgen.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DATA = 0, INIT = 1, INIT_ACK = 2, SACK = 3, HEARTBEAT = 4, HEARTBEAT_ACK = 5 };
enum { ABORT = 6, COOKIE_ECHO = 10, COOKIE_ACK = 11, FORWARD_TSN = 192 };
enum { COOKIE = 7, FORWARD_TSN_SUPPORTED = 0xc000 };
enum { PORT = 5000, WINDOW = 1 << 20, STREAMS = 1024, STRING = 51, RETRY_US = 200 * 1000 };
enum { FRAGMENT = 1024, MESSAGE_MAX = 256 * 1024 };

struct Sctp {
  uint32_t own_tag, peer_tag, own_tsn, peer_tsn;
  int up;
  long long init_at;
};

static void put16(uint8_t *at, unsigned value) { at[0] = value >> 8, at[1] = value; }

static void put32(uint8_t *at, uint32_t value) {
  put16(at, value >> 16);
  put16(at + 2, value);
}

static unsigned get16(const uint8_t *at) { return at[0] << 8 | at[1]; }

static uint32_t get32(const uint8_t *at) { return (uint32_t)get16(at) << 16 | get16(at + 2); }

/* SCTP's checksum, CRC32c. */
static uint32_t checksum(const uint8_t *data, size_t length) {
  static uint32_t table[256];
  if (!table[1]) {
    for (uint32_t i = 0; i < 256; i++) {
      uint32_t value = i;
      for (int bit = 0; bit < 8; bit++) value = value >> 1 ^ (0x82f63b78 & -(value & 1));
      table[i] = value;
    }
  }
  uint32_t crc = 0xffffffff;
  for (size_t i = 0; i < length; i++) crc = crc >> 8 ^ table[(crc ^ data[i]) & 255];
  return ~crc;
}

/* Writes the header of a chunk at `at`; the body follows. */
static int chunk(uint8_t *at, int type, int flags, int body) {
  at[0] = type, at[1] = flags;
  put16(at + 2, 4 + body);
  return 4 + ((body + 3) & ~3);
}

/* `packet` has room for the common header before its chunks, which end at `end`. */
static void send_packet(Leg *leg, uint8_t *packet, int end, uint32_t tag) {
  put16(packet, PORT);
  put16(packet + 2, PORT);
  put32(packet + 4, tag);
  memset(packet + 8, 0, 4);
  uint32_t crc = checksum(packet, end);
  for (int i = 0; i < 4; i++) packet[8 + i] = crc >> 8 * i;
  SSL_write(leg->ssl, packet, end);
}

static int put_init(struct Sctp *sctp, uint8_t *body) {
  put32(body, sctp->own_tag);
  put32(body + 4, WINDOW);
  put16(body + 8, STREAMS);
  put16(body + 10, STREAMS);
  put32(body + 12, sctp->own_tsn);
  put16(body + 16, FORWARD_TSN_SUPPORTED);
  put16(body + 18, 4);
  return 20;
}

static void say_init(Leg *leg) {
  uint8_t packet[64] = {0};
  int body = put_init(leg->sctp, packet + 16);
  send_packet(leg, packet, 12 + chunk(packet + 12, INIT, 0, body), 0);
  leg->sctp->init_at = now_us() + RETRY_US;
}

void sctp_start(Leg *leg) {
  struct Sctp *sctp = leg->sctp = calloc(1, sizeof *sctp);
  RAND_bytes((uint8_t *)&sctp->own_tag, 4);
  RAND_bytes((uint8_t *)&sctp->own_tsn, 4);
  say_init(leg);
}

void sctp_tick(Leg *leg, long long now) {
  if (leg->sctp && !leg->sctp->up && !leg->failed && now >= leg->sctp->init_at) say_init(leg);
}

static void opened(Leg *leg) {
  if (leg->sctp->up) return;
  leg->sctp->up = 1;
  printf("data %d %lld\n", leg->id, now_us());
}

static void heard_init(Leg *leg, const uint8_t *body) {
  struct Sctp *sctp = leg->sctp;
  sctp->peer_tag = get32(body);
  sctp->peer_tsn = get32(body + 12) - 1;
  uint8_t packet[96] = {0};
  int end = put_init(sctp, packet + 16);
  put16(packet + 16 + end, COOKIE);
  put16(packet + 18 + end, 8);
  end += 8;
  send_packet(leg, packet, 12 + chunk(packet + 12, INIT_ACK, 0, end), sctp->peer_tag);
}

static void heard_init_ack(Leg *leg, const uint8_t *body, int length) {
  struct Sctp *sctp = leg->sctp;
  sctp->peer_tag = get32(body);
  sctp->peer_tsn = get32(body + 12) - 1;
  for (int at = 16; at + 4 <= length; at += (get16(body + at + 2) + 3) & ~3) {
    int size = get16(body + at + 2);
    if (size < 4 || at + size > length) return;
    if (get16(body + at) != COOKIE) continue;
    uint8_t packet[PACKET] = {0};
    if (size > PACKET - 32) return;
    memcpy(packet + 16, body + at + 4, size - 4);
    send_packet(leg, packet, 12 + chunk(packet + 12, COOKIE_ECHO, 0, size - 4), sctp->peer_tag);
    return;
  }
}

/* Reads from the text of one of our messages when it was sent. */
static void heard_message(const char *text, int length) {
  char copy[512];
  if (length >= (int)sizeof copy) return;
  memcpy(copy, text, length);
  copy[length] = 0;
  const char *sent = strstr(copy, "\"t\":");
  counts.messages++;
  if (sent) delay_seen(wall_us() - atoll(sent + 4));
}

static void answer(Leg *leg, int type, const uint8_t *body, int length) {
  uint8_t packet[PACKET] = {0};
  if (length > PACKET - 32) return;
  if (body) memcpy(packet + 16, body, length);
  send_packet(leg, packet, 12 + chunk(packet + 12, type, 0, length), leg->sctp->peer_tag);
}

static void acknowledge(Leg *leg) {
  uint8_t body[12] = {0};
  put32(body, leg->sctp->peer_tsn);
  put32(body + 4, WINDOW);
  answer(leg, SACK, body, sizeof body);
}

void sctp_receive(Leg *leg, const uint8_t *packet, int length) {
  struct Sctp *sctp = leg->sctp;
  int owes = 0;
  for (int at = 12; sctp && at + 4 <= length;) {
    int type = packet[at], size = get16(packet + at + 2);
    const uint8_t *body = packet + at + 4;
    if (size < 4 || at + size > length) return;
    if (type == INIT && size >= 20) heard_init(leg, body);
    else if (type == INIT_ACK && size >= 20 && !sctp->up) heard_init_ack(leg, body, size - 4);
    else if (type == COOKIE_ECHO) answer(leg, COOKIE_ACK, NULL, 0), opened(leg);
    else if (type == COOKIE_ACK) opened(leg);
    else if (type == HEARTBEAT) answer(leg, HEARTBEAT_ACK, body, size - 4);
    else if (type == ABORT) fail(leg, "SCTP abort");
    else if (type == FORWARD_TSN && size >= 8) sctp->peer_tsn = get32(body), owes = 1;
    else if (type == DATA && size > 16) {
      uint32_t tsn = get32(body);
      owes = 1;
      if (tsn == sctp->peer_tsn + 1) {
        sctp->peer_tsn = tsn;
        heard_message((const char *)body + 12, size - 16);
      }
    }
    at += (size + 3) & ~3;
  }
  if (owes) acknowledge(leg);
}

/* Sends a message of `bytes` on a stream, unordered. A server's congestion window is ignored. */
void sctp_send(Leg *leg, int stream, int bytes) {
  static uint32_t number;
  struct Sctp *sctp = leg->sctp;
  if (!sctp || !sctp->up) return;
  static char text[MESSAGE_MAX];
  long long now = wall_us();
  int length = snprintf(text, sizeof text,
                        "{\"kind\":\"data\",\"topic\":\"bench\",\"seq\":%u,\"capturedAt\":%lld,"
                        "\"data\":{\"t\":%lld,\"pad\":\"",
                        ++number, now / 1000, now);
  while (length < bytes - 3 && length < MESSAGE_MAX - 3) text[length++] = 'x';
  memcpy(text + length, "\"}}", 3);
  length += 3;
  for (int from = 0; from < length; from += FRAGMENT) {
    uint8_t packet[PACKET] = {0};
    int size = length - from < FRAGMENT ? length - from : FRAGMENT;
    /* Unordered; the first and the last fragment are marked (RFC 9260, 3.3.1). */
    int flags = 4 | (from == 0 ? 2 : 0) | (from + size == length ? 1 : 0);
    put32(packet + 16, sctp->own_tsn++);
    put16(packet + 20, stream);
    put32(packet + 24, STRING);
    memcpy(packet + 28, text + from, size);
    send_packet(leg, packet, 12 + chunk(packet + 12, DATA, flags, 12 + size), sctp->peer_tag);
  }
  counts.messages_sent++;
}
