/*
 * Preloaded into the tuned Janus: Debian's libsrtp then encrypts with OpenSSL, as our media worker
 * does, so that the bench compares the servers and not the libraries.
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
