#define _GNU_SOURCE
#include "paths.h"

#include <string.h>
#include <sys/random.h>

#include "handshakes.h"
#include "kernel.h"
#include "limits.h"
#include "stats.h"
#include "stun.h"

typedef struct Path {
  const Socket *socket;
  Address address;
  socklen_t address_length;
  /* Never used before, and never 0. */
  uint64_t key;
  bool proved;
  /* A check was sent, with this id, and not answered yet. */
  bool waiting;
  unsigned char id[STUN_ID_BYTES];
  uint64_t proved_us;
  /* When the last check was sent, and how often since the worker's last answer. */
  uint64_t checked_us;
  unsigned checks;
  /* The handshake proved it: the agent may not answer checks. */
  bool by_handshake;
  /* While it is unproved: bytes from there, bytes to there, of these in handshakes. */
  uint64_t received, sent, handshake_sent;
  Handshake handshake;
  /* Who sent the check that was last answered. */
  uint64_t user;
  /* The next path with the same hash. */
  struct Path *same_hash;
  /* Neighbours in its list. */
  struct Path *before, *after;
} Path;

typedef struct {
  Path *oldest, *newest;
  /* Read without the lock, too. */
  unsigned length;
} List;

static Path paths[PATHS_MAX];
static unsigned used;
static uint64_t last_key;
static Path *by_hash[PATHS_MAX];
/* In the order of the last answered check. */
static List proved, unproved;

/* The checks that arrived last, so that the answer to one shows whose it was. */
static struct {
  unsigned char id[STUN_ID_BYTES];
  uint64_t user;
} checks[CHECKS_REMEMBERED];
static unsigned next_check;

static void append(List *list, Path *path) {
  path->before = list->newest;
  path->after = 0;
  *(list->newest ? &list->newest->after : &list->oldest) = path;
  list->newest = path;
  __atomic_fetch_add(&list->length, 1, __ATOMIC_RELAXED);
}

static void unlink_from(List *list, Path *path) {
  *(path->before ? &path->before->after : &list->oldest) = path->after;
  *(path->after ? &path->after->before : &list->newest) = path->before;
  __atomic_fetch_sub(&list->length, 1, __ATOMIC_RELAXED);
}

static List *list_of(const Path *path) { return path->proved ? &proved : &unproved; }

static void set_proved(Path *path, bool is_proved) {
  unlink_from(list_of(path), path);
  path->proved = is_proved;
  append(list_of(path), path);
  path->received = path->sent = path->handshake_sent = 0;
  if (is_proved) path->proved_us = kernel.now_us();
}

static Path **place_of(const Socket *socket, const Address *address, socklen_t length) {
  Path **place = &by_hash[address_hash(socket, address, length) % PATHS_MAX];
  while (*place && ((*place)->socket != socket || (*place)->address_length != length ||
                    memcmp(&(*place)->address, address, length) != 0)) {
    place = &(*place)->same_hash;
  }
  return place;
}

static Path *find(const Socket *socket, const Address *address, socklen_t length) {
  return *place_of(socket, address, length);
}

static Path *free_place(void) {
  if (used < PATHS_MAX) return &paths[used++];
  Path *path = unproved.oldest ? unproved.oldest : proved.oldest;
  unlink_from(list_of(path), path);
  *place_of(path->socket, &path->address, path->address_length) = path->same_hash;
  return path;
}

static Path *find_or_add(const Socket *socket, const Address *address, socklen_t length) {
  Path *path = find(socket, address, length);
  if (path) return path;
  path = free_place();
  *path = (Path){.socket = socket,
                 .address = *address,
                 .address_length = length,
                 .key = ++last_key};
  *place_of(socket, address, length) = path;
  append(&unproved, path);
  return path;
}

static void send_check(Path *path) {
  if (!path->waiting) {
    if (getrandom(path->id, sizeof path->id, GRND_NONBLOCK) != sizeof path->id) return;
    path->waiting = true;
  }
  path->checks++;
  path->checked_us = kernel.now_us();
  unsigned char check[STUN_CHECK_BYTES];
  stun_write_check(check, path->id);
  struct iovec piece = {check, sizeof check};
  struct msghdr message = {.msg_name = &path->address,
                           .msg_namelen = path->address_length,
                           .msg_iov = &piece,
                           .msg_iovlen = 1};
  if (kernel.sendmsg(path->socket->descriptor, &message, MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
    path->sent += sizeof check;
  }
}

static uint64_t user_of_check(const unsigned char *id) {
  for (unsigned i = 0; i < CHECKS_REMEMBERED; i++) {
    if (memcmp(checks[i].id, id, STUN_ID_BYTES) == 0) return checks[i].user;
  }
  return 0;
}

void path_answered(Socket *socket, const Address *address, socklen_t address_length,
                   const unsigned char answer[STUN_HEADER_BYTES], size_t length) {
  socket->ice = true;
  Path *path = find_or_add(socket, address, address_length);
  uint64_t user = user_of_check(answer + 8), age_ms = (kernel.now_us() - path->proved_us) / 1000;
  /* A handshake of another session proves nothing about what this one sends. */
  if (user == 0 || user != path->user) path->handshake = (Handshake){0};
  path->user = user;
  if (path->proved && !path->by_handshake && age_ms > PROOF_MAX_MS) set_proved(path, false);
  unlink_from(list_of(path), path);
  append(list_of(path), path);
  path->sent += length;
  path->checks = 0;
  if (!path->proved || (!path->by_handshake && age_ms > PROOF_RENEWED_MS)) send_check(path);
}

static bool handshake_allows(Path *path, const unsigned char *bytes, size_t length) {
  if (bytes && handshake_proves(&path->handshake, path->key, bytes, length)) {
    set_proved(path, true);
    path->by_handshake = true;
    stats->proved_by_handshake++;
    return true;
  }
  if (path->handshake_sent + length > UNPROVED_HANDSHAKE_BYTES) return false;
  path->handshake_sent += length;
  return true;
}

static bool unproved_allows(Path *path, const unsigned char *start, const unsigned char *bytes,
                            size_t length) {
  if (is_handshake(start, length) && handshake_allows(path, bytes, length)) return true;
  if (path->sent + length <= UNPROVED_FACTOR * path->received) {
    path->sent += length;
    return true;
  }
  /* A check or its answer may be lost. */
  if (path->checks <= CHECK_REPEATS_MAX &&
      kernel.now_us() - path->checked_us > CHECK_REPEAT_MS * UINT64_C(1000)) {
    send_check(path);
  }
  stats->unproved++;
  return false;
}

bool path_allows(const Socket *socket, const Address *address, socklen_t address_length,
                 const unsigned char *start, const unsigned char *bytes, size_t length, bool *proved) {
  *proved = true;
  if (!socket->ice) return true;
  Path *path = find_or_add(socket, address, address_length);
  bool allowed = path->proved || unproved_allows(path, start, bytes, length);
  *proved = path->proved;
  return allowed;
}

bool paths_count_received(void) {
  return __atomic_load_n(&unproved.length, __ATOMIC_RELAXED) > 0;
}

bool path_received(const Socket *socket, const Address *address, socklen_t address_length,
                   const unsigned char *bytes, size_t length) {
  unsigned type = is_stun(bytes, length) ? read_16(bytes) : 0;
  if (type == STUN_REQUEST) {
    memcpy(checks[next_check].id, bytes + 8, STUN_ID_BYTES);
    checks[next_check].user = stun_user(bytes, length);
    next_check = (next_check + 1) % CHECKS_REMEMBERED;
  }
  Path *path = find(socket, address, address_length);
  if (!path) return false;
  path->received += length;
  if (!path->waiting || (type != STUN_SUCCESS && type != STUN_ERROR)) return false;
  if (memcmp(path->id, bytes + 8, STUN_ID_BYTES) != 0) return false;
  path->waiting = false;
  path->by_handshake = false;
  set_proved(path, true);
  stats->proved_by_check++;
  return true;
}
