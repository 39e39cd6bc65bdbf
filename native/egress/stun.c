#include "stun.h"

enum { ATTRIBUTE_HEADER_BYTES = 4, USERNAME = 0x0006, FINGERPRINT = 0x8028 };

static const uint32_t FINGERPRINT_MASK = 0x5354554e;

static uint32_t crc_32(const unsigned char *bytes, size_t length) {
  uint32_t crc = 0xffffffff;
  for (size_t i = 0; i < length; i++) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (0xedb88320 & -(crc & 1));
  }
  return ~crc;
}

static void write_16(unsigned char *bytes, unsigned value) {
  bytes[0] = (unsigned char)(value >> 8);
  bytes[1] = (unsigned char)value;
}

static void write_32(unsigned char *bytes, uint32_t value) {
  write_16(bytes, value >> 16);
  write_16(bytes + 2, value & 0xffff);
}

void stun_write_check(unsigned char check[STUN_CHECK_BYTES], const unsigned char id[STUN_ID_BYTES]) {
  unsigned char *attribute = check + STUN_HEADER_BYTES;
  write_16(check, STUN_REQUEST);
  write_16(check + 2, STUN_CHECK_BYTES - STUN_HEADER_BYTES);
  write_32(check + 4, STUN_COOKIE);
  memcpy(check + 8, id, STUN_ID_BYTES);
  write_16(attribute, FINGERPRINT);
  write_16(attribute + 2, 4);
  write_32(attribute + ATTRIBUTE_HEADER_BYTES, crc_32(check, STUN_HEADER_BYTES) ^ FINGERPRINT_MASK);
}

uint64_t stun_user(const unsigned char *request, size_t length) {
  size_t at = STUN_HEADER_BYTES;
  while (at + ATTRIBUTE_HEADER_BYTES <= length) {
    size_t size = read_16(request + at + 2);
    const unsigned char *value = request + at + ATTRIBUTE_HEADER_BYTES;
    if (size > length - at - ATTRIBUTE_HEADER_BYTES) return 0;
    if (read_16(request + at) == USERNAME) {
      uint64_t hash = UINT64_C(0xcbf29ce484222325);
      for (size_t i = 0; i < size && value[i] != ':'; i++) {
        hash = (hash ^ value[i]) * UINT64_C(0x100000001b3);
      }
      return hash;
    }
    at += ATTRIBUTE_HEADER_BYTES + ((size + 3) & ~(size_t)3);
  }
  return 0;
}
