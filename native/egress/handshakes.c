#define _GNU_SOURCE
#include "handshakes.h"

#include <string.h>

#include "kernel.h"
#include "limits.h"
#include "packets.h"

enum {
  RECORD_HEADER_BYTES = 13,
  MESSAGE_HEADER_BYTES = 12,
  VERSION_BYTES = 2,
  CHANGE_CIPHER_SPEC = 20,
  HANDSHAKE = 22,
  SERVER_HELLO = 2,
};

/* To whom a ServerHello went. */
typedef struct {
  uint64_t hello;
  /* Key of the only address that got it; 0 if there were several. */
  uint64_t address;
  uint64_t at_us;
} Hello;

static Hello hellos[HELLOS_MAX];

bool is_handshake(const unsigned char *start, size_t length) {
  return length > RECORD_HEADER_BYTES && start[0] >= CHANGE_CIPHER_SPEC && start[0] <= HANDSHAKE &&
         read_16(start + 3) == 0;
}

/* Null if there is no place: an entry that may still matter never gives way. */
static Hello *hello_of(uint64_t hello, bool add) {
  Hello *old = 0;
  uint64_t now = kernel.now_us();
  for (unsigned i = 0; i < 8; i++) {
    Hello *found = &hellos[(hello + i) % HELLOS_MAX];
    if (found->hello == hello) return found;
    bool is_old = found->hello == 0 || now - found->at_us > HELLO_MAX_MS * UINT64_C(1000);
    if (is_old && !old) old = found;
  }
  if (add && old) *old = (Hello){.hello = hello, .at_us = now};
  return add ? old : 0;
}

static void remember(Handshake *handshake, uint64_t key, uint64_t hello) {
  Hello *known = hello_of(hello, false);
  handshake->hello = hello;
  if (known) {
    known->at_us = kernel.now_us();
    if (known->address != key) known->address = 0;
  } else if ((known = hello_of(hello, true))) {
    known->address = key;
  }
}

bool handshake_proves(Handshake *handshake, uint64_t key, const unsigned char *bytes,
                      size_t length) {
  while (length >= RECORD_HEADER_BYTES) {
    const unsigned char *content = bytes + RECORD_HEADER_BYTES;
    size_t size = read_16(bytes + 11);
    if (size > length - RECORD_HEADER_BYTES || read_16(bytes + 3) != 0) return false;
    if (bytes[0] == CHANGE_CIPHER_SPEC) {
      Hello *known = handshake->hello ? hello_of(handshake->hello, false) : 0;
      return known && known->address == key;
    }
    uint64_t hello;
    static const unsigned char FIRST[3] = {0};
    if (bytes[0] == HANDSHAKE && size >= MESSAGE_HEADER_BYTES + VERSION_BYTES + sizeof hello &&
        content[0] == SERVER_HELLO && memcmp(content + 6, FIRST, sizeof FIRST) == 0) {
      memcpy(&hello, content + MESSAGE_HEADER_BYTES + VERSION_BYTES, sizeof hello);
      remember(handshake, key, hello);
    }
    bytes = content + size;
    length -= RECORD_HEADER_BYTES + size;
  }
  return false;
}
