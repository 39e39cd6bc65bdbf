/*
 * Preloaded into Janus as it is tuned: its libsrtp, Debian's, encrypts by OpenSSL then, as our media
 * worker's does, and what is compared is the servers.
 *
 * Compiled by janus.ts.
 */
#define _GNU_SOURCE
#include <dlfcn.h>

#include "aes_gcm.h"

srtp_err_status_t srtp_init(void) {
  srtp_err_status_t (*real)(void) = (srtp_err_status_t (*)(void))dlsym(RTLD_NEXT, "srtp_init");
  srtp_err_status_t error = real();
  return error ? error : onecast_gcm_by_openssl();
}
