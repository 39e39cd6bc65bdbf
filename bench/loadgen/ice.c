/* ICE: connectivity checks and their answers, RFC 8445 and 5389. */
#include "loadgen.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <string.h>
#include <sys/socket.h>

enum { BINDING = 0x0001, SUCCESS = 0x0101, COOKIE = 0x2112a442 };
enum { MAPPED = 0x0020, USERNAME = 0x0006, INTEGRITY = 0x0008, PRIORITY = 0x0024 };
enum { USE_CANDIDATE = 0x0025, CONTROLLED = 0x8029, CONTROLLING = 0x802a, FINGERPRINT = 0x8028 };

static uint32_t crc32_of(const uint8_t *data, size_t length) {
  uint32_t crc = 0xffffffff;
  for (size_t i = 0; i < length; i++) {
    crc ^= data[i];
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (0xedb88320 & -(crc & 1));
  }
  return ~crc;
}

static size_t put(uint8_t *at, uint16_t type, const void *value, uint16_t length) {
  at[0] = type >> 8, at[1] = type, at[2] = length >> 8, at[3] = length;
  memset(at + 4, 0, (length + 3) & ~3);
  memcpy(at + 4, value, length);
  return 4 + ((length + 3) & ~3);
}

static void set_length(uint8_t *message, size_t body) {
  message[2] = body >> 8, message[3] = body;
}

static size_t begin(uint8_t *message, uint16_t type, const uint8_t *transaction) {
  message[0] = type >> 8, message[1] = type;
  uint32_t cookie = htonl(COOKIE);
  memcpy(message + 4, &cookie, 4);
  memcpy(message + 8, transaction, 12);
  return 20;
}

static long sign_and_send(Leg *leg, uint8_t *message, size_t end, const char *password) {
  uint8_t mac[EVP_MAX_MD_SIZE];
  unsigned mac_length;
  set_length(message, end - 20 + 24);
  HMAC(EVP_sha1(), password, strlen(password), message, end, mac, &mac_length);
  end += put(message + end, INTEGRITY, mac, 20);
  set_length(message, end - 20 + 8);
  uint32_t crc = htonl(crc32_of(message, end) ^ 0x5354554e);
  end += put(message + end, FINGERPRINT, &crc, 4);
  return send(leg->fd, message, end, 0);
}

long ice_check(Leg *leg) {
  uint8_t message[512], transaction[12];
  RAND_bytes(transaction, sizeof transaction);
  size_t end = begin(message, BINDING, transaction);
  uint32_t priority = htonl(1853817087);
  end += put(message + end, USERNAME, leg->username, strlen(leg->username));
  end += put(message + end, PRIORITY, &priority, 4);
  end += put(message + end, leg->controlling ? CONTROLLING : CONTROLLED, &leg->tie_breaker, 8);
  if (leg->controlling) end += put(message + end, USE_CANDIDATE, "", 0);
  leg->check_at = now_us() + (leg->ice ? KEEP_ALIVE_US : CHECK_US);
  return sign_and_send(leg, message, end, leg->peer_password);
}

static void answer(Leg *leg, const uint8_t *request) {
  struct sockaddr_in peer;
  socklen_t length = sizeof peer;
  if (getpeername(leg->fd, (struct sockaddr *)&peer, &length)) return;
  uint8_t message[256], mapped[8] = {0, 1};
  size_t end = begin(message, SUCCESS, request + 8);
  uint16_t port = htons(ntohs(peer.sin_port) ^ COOKIE >> 16);
  uint32_t address = htonl(ntohl(peer.sin_addr.s_addr) ^ COOKIE);
  memcpy(mapped + 2, &port, 2);
  memcpy(mapped + 4, &address, 4);
  end += put(message + end, MAPPED, mapped, sizeof mapped);
  sign_and_send(leg, message, end, leg->own_password);
}

int ice_receive(Leg *leg, uint8_t *message, size_t length) {
  if (length < 20) return 0;
  uint16_t type = message[0] << 8 | message[1];
  /* A server with full ICE sends checks too, and needs answers as long as it runs. */
  if (type == BINDING) {
    answer(leg, message);
    return 0;
  }
  if (type != SUCCESS || leg->ice) return 0;
  leg->ice = 1;
  leg->check_at = now_us() + KEEP_ALIVE_US;
  return 1;
}
