#include "address.h"

#include <string.h>

#include "sockets.h"

socklen_t address_of(const Socket *socket, const void *name, socklen_t length, Address *address) {
  /* Copied field by field: all bytes are compared, and callers fill the padding differently. */
  memset(address, 0, sizeof *address);
  if (socket->family == AF_INET && length >= sizeof address->v4) {
    struct sockaddr_in from;
    memcpy(&from, name, sizeof from);
    if (from.sin_family != AF_INET || from.sin_port == 0) return 0;
    address->v4.sin_family = AF_INET;
    address->v4.sin_port = from.sin_port;
    address->v4.sin_addr = from.sin_addr;
    return sizeof address->v4;
  }
  if (socket->family == AF_INET6 && length >= sizeof address->v6) {
    struct sockaddr_in6 from;
    memcpy(&from, name, sizeof from);
    if (from.sin6_family != AF_INET6 || from.sin6_port == 0) return 0;
    address->v6 = from;
    return sizeof address->v6;
  }
  return 0;
}

uint32_t address_hash(const Socket *socket, const Address *address, socklen_t length) {
  uint64_t hash = (uintptr_t)socket;
  for (socklen_t offset = 0; offset < length; offset += 4) {
    uint32_t word;
    memcpy(&word, (const char *)address + offset, 4);
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 29;
  }
  return (uint32_t)(hash >> 16);
}
