#define _GNU_SOURCE
#include "sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "limits.h"

static Socket sockets[SOCKETS_MAX];
/* 1 + the index of the descriptor's socket, or 0. */
static uint16_t by_descriptor[DESCRIPTORS_MAX];
static unsigned used;

static int option(int descriptor, int name) {
  int value = -1;
  socklen_t length = sizeof value;
  return getsockopt(descriptor, SOL_SOCKET, name, &value, &length) == 0 ? value : -1;
}

static void inspect(Socket *socket, int descriptor) {
  struct sockaddr_storage peer;
  socklen_t length = sizeof peer;
  int flags = fcntl(descriptor, F_GETFL);
  socket->family = option(descriptor, SO_DOMAIN);
  socket->batched = (socket->family == AF_INET || socket->family == AF_INET6) &&
                    option(descriptor, SO_TYPE) == SOCK_DGRAM &&
                    option(descriptor, SO_PROTOCOL) == IPPROTO_UDP && flags != -1 &&
                    (flags & O_NONBLOCK) != 0 &&
                    getpeername(descriptor, (struct sockaddr *)&peer, &length) != 0 &&
                    errno == ENOTCONN;
  socket->inspected = true;
}

static Socket *slot_for(ino_t inode) {
  Socket *empty = 0;
  for (unsigned i = 0; i < used; i++) {
    bool free = sockets[i].descriptors == 0 && !sockets[i].first;
    if (!free && sockets[i].inode == inode) return &sockets[i];
    if (free && !empty) empty = &sockets[i];
  }
  if (empty || used == SOCKETS_MAX) return empty;
  return &sockets[used++];
}

Socket *socket_lookup(int descriptor) {
  if (descriptor < 0 || descriptor >= DESCRIPTORS_MAX) return 0;
  unsigned index = by_descriptor[descriptor];
  return index ? &sockets[index - 1] : 0;
}

static bool inode_of(int descriptor, ino_t *inode) {
  struct stat found;
  if (fstat(descriptor, &found) != 0 || !S_ISSOCK(found.st_mode)) return false;
  *inode = found.st_ino;
  return true;
}

bool socket_is_open(const Socket *socket) {
  ino_t inode;
  return inode_of(socket->descriptor, &inode) && inode == socket->inode;
}

Socket *socket_of(int descriptor) {
  if (descriptor < 0 || descriptor >= DESCRIPTORS_MAX) return 0;
  Socket *socket = socket_lookup(descriptor);
  /* A socket with queued datagrams was inspected in this turn. */
  if (socket && socket->first && socket->inspected && socket->descriptor == descriptor) return socket;
  ino_t inode;
  if (!inode_of(descriptor, &inode)) return 0;
  if (!socket || socket->inode != inode) {
    if (socket) socket_forget(descriptor);
    socket = slot_for(inode);
    if (!socket) return 0;
    if (socket->descriptors == 0) {
      memset(socket, 0, sizeof *socket);
      socket->inode = inode;
      socket->can_segment = true;
    }
    socket->descriptors++;
    by_descriptor[descriptor] = (uint16_t)(1 + (socket - sockets));
  }
  if (!socket->inspected) inspect(socket, descriptor);
  if (!socket->first) socket->descriptor = descriptor;
  return socket;
}

void socket_forget(int descriptor) {
  Socket *socket = socket_lookup(descriptor);
  if (!socket) return;
  by_descriptor[descriptor] = 0;
  socket->descriptors--;
}
