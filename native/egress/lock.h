/* The library's one lock. The media worker sends from one thread, so it is hardly ever waited for. */
#ifndef EGRESS_LOCK_H
#define EGRESS_LOCK_H

#include <stdbool.h>

/* Before this, nothing is locked and nothing is done. */
void lock_open(void);

/* False if the library is not open yet, or if this thread holds
   the lock already: a signal handler that sends must not wait for it. */
bool lock_enter(void);
void lock_leave(void);

#endif
