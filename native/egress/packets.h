/* What a packet on the media port is, by its first bytes (RFC 7983, RFC 5761, RFC 8489). */
#ifndef EGRESS_PACKETS_H
#define EGRESS_PACKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

enum {
  RTP_HEADER_BYTES = 12,
  STUN_HEADER_BYTES = 20,
  STUN_ID_BYTES = 12,
  /* Enough for each function below. */
  PACKET_START_BYTES = STUN_HEADER_BYTES,
};

/* The first PACKET_START_BYTES of the pieces, which are in the first of them or are copied to `copy`,
   and the length of all. */
static inline const unsigned char *packet_start(const struct iovec *pieces, size_t count,
                                                unsigned char copy[PACKET_START_BYTES],
                                                size_t *length) {
  *length = 0;
  for (size_t i = 0; i < count; i++) *length += pieces[i].iov_len;
  if (count > 0 && pieces[0].iov_len >= PACKET_START_BYTES) return pieces[0].iov_base;
  memset(copy, 0, PACKET_START_BYTES);
  for (size_t i = 0, copied = 0; i < count && copied < PACKET_START_BYTES; i++) {
    size_t part = pieces[i].iov_len, room = PACKET_START_BYTES - copied;
    if (part > room) part = room;
    if (part > 0) memcpy(copy + copied, pieces[i].iov_base, part);
    copied += part;
  }
  return copy;
}

static inline unsigned read_16(const unsigned char *bytes) { return bytes[0] << 8 | bytes[1]; }

static inline uint32_t read_32(const unsigned char *bytes) {
  return (uint32_t)read_16(bytes) << 16 | read_16(bytes + 2);
}

/* RTP or RTCP. */
static inline bool is_rtp_or_rtcp(const unsigned char *bytes, size_t length) {
  return length > 0 && bytes[0] >> 6 == 2;
}

/* RTP but not RTCP. */
static inline bool is_media(const unsigned char *bytes, size_t length) {
  return length >= RTP_HEADER_BYTES && bytes[0] >> 6 == 2 && !(bytes[1] >= 192 && bytes[1] <= 223);
}

enum { STUN_REQUEST = 0x0001, STUN_SUCCESS = 0x0101, STUN_ERROR = 0x0111, STUN_COOKIE = 0x2112a442 };

/* A STUN message of any type. `bytes`: its first PACKET_START_BYTES, or fewer if it is shorter. */
static inline bool is_stun(const unsigned char *bytes, size_t length) {
  return length >= STUN_HEADER_BYTES && bytes[0] < 2 && read_32(bytes + 4) == STUN_COOKIE;
}

#endif
