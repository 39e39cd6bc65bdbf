/*
 * What a hostile viewer does on a transport of its own that is up: it makes the server send to an
 * address that never answers, or makes it send packets again and again.
 */
#include "loadgen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STRANGER_US = 1000 * 1000, NACK_US = 10 * 1000 };
/* A NACK's item names 17 packets; together 306, more than a second of the stream. */
enum { NACK_ITEMS = 18, PER_ITEM = 17 };

static struct {
  unsigned long long sent, stranger_packets, stranger_bytes, nack_bytes;
} hostile;

/* stranger <id> <ip>: from now on the leg's checks come from this address, which answers nothing. */
void hostile_stranger(Leg *leg, const char *line) {
  char ip[64];
  struct sockaddr_in own = {.sin_family = AF_INET}, server;
  socklen_t length = sizeof server;
  if (sscanf(line, "stranger %*d %63s", ip) != 1) return;
  inet_pton(AF_INET, ip, &own.sin_addr);
  int room = 4 << 20, fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  if (fd < 0 || getpeername(leg->fd, (struct sockaddr *)&server, &length) ||
      bind(fd, (struct sockaddr *)&own, sizeof own) ||
      connect(fd, (struct sockaddr *)&server, sizeof server)) {
    fail(leg, strerror(errno));
    return;
  }
  leg->stranger_fd = fd;
  leg->stranger_at = 0;
  /* A check from its own address would bring the media back. */
  leg->check_at = LLONG_MAX;
}

/* nacks <id> <on>: requests all recent packets every NACK_US, and reports a round trip of about 1 ms,
 * so that the server does not treat a request as a copy of the one before it. */
void hostile_nacks(Leg *leg, const char *line) {
  sscanf(line, "nacks %*d %d", &leg->nacks);
  leg->nack_at = 0;
}

/* The middle of the NTP time of the server's sender report (RFC 3550, 6.4.1). */
void hostile_heard(Leg *leg, const uint8_t *received, int length) {
  uint8_t packet[PACKET];
  if (!leg->nacks || length > PACKET) return;
  memcpy(packet, received, length);
  if (srtp_unprotect_rtcp(leg->srtp_in, packet, &length) != srtp_err_status_ok) return;
  if (packet[1] != 200 || length < 28) return;
  uint32_t middle;
  memcpy(&middle, packet + 10, 4);
  leg->server_report = ntohl(middle);
  leg->server_report_us = now_us();
}

static uint8_t *put32(uint8_t *at, uint32_t value) {
  value = htonl(value);
  memcpy(at, &value, 4);
  return at + 4;
}

static void send_nacks(Leg *leg, long long now) {
  uint8_t packet[512], *end = packet;
  long long since_us = now - leg->server_report_us - 500;
  end = put32(end, 0x81c90007);
  end = put32(end, 1);
  end = put32(end, leg->ssrc);
  end = put32(end, 0);
  end = put32(end, leg->highest);
  end = put32(end, 0);
  end = put32(end, leg->server_report);
  end = put32(end, since_us > 0 ? since_us * 65536 / 1000000 : 0);
  end = put32(end, 0x81cd0000 | (2 + NACK_ITEMS));
  end = put32(end, 1);
  end = put32(end, leg->ssrc);
  for (int i = NACK_ITEMS; i > 0; i--) {
    uint16_t first = leg->highest - i * PER_ITEM + 1;
    end = put32(end, (uint32_t)first << 16 | 0xffff);
  }
  int length = end - packet;
  if (srtp_protect_rtcp(leg->srtp_out, packet, &length) != srtp_err_status_ok) return;
  if (send(leg->fd, packet, length, 0) > 0) hostile.nack_bytes += length;
}

void hostile_tick(Leg *leg, long long now) {
  if (!leg->up) return;
  if (leg->nacks && leg->highest >= 0 && now >= leg->nack_at) {
    send_nacks(leg, now);
    leg->nack_at = now + NACK_US;
  }
  if (!leg->stranger_fd) return;
  uint8_t packet[PACKET];
  ssize_t length;
  while ((length = recv(leg->stranger_fd, packet, sizeof packet, 0)) > 0) {
    hostile.stranger_packets++;
    hostile.stranger_bytes += length;
  }
  if (now < leg->stranger_at) return;
  int own = leg->fd;
  leg->fd = leg->stranger_fd;
  hostile.sent += ice_check(leg);
  leg->fd = own;
  leg->check_at = LLONG_MAX;
  leg->stranger_at = now + STRANGER_US;
}

void hostile_report(void) {
  printf("hostile {\"checkBytes\":%llu,\"strangerPackets\":%llu,\"strangerBytes\":%llu,"
         "\"nackBytes\":%llu}\n",
         hostile.sent, hostile.stranger_packets, hostile.stranger_bytes, hostile.nack_bytes);
}
