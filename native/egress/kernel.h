/* The calls that reach the kernel; a test may replace them. */
#ifndef EGRESS_KERNEL_H
#define EGRESS_KERNEL_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

typedef struct {
  ssize_t (*sendmsg)(int descriptor, const struct msghdr *message, int flags);
  int (*sendmmsg)(int descriptor, struct mmsghdr *messages, unsigned count, int flags);
  uint64_t (*now_us)(void);
  ssize_t (*writev)(int descriptor, const struct iovec *pieces, int count);
  int (*shutdown)(int descriptor, int how);
} Kernel;

extern Kernel kernel;

#endif
