#ifndef ONECAST_AES_GCM_H
#define ONECAST_AES_GCM_H

#include <srtp2/srtp.h>

#ifdef __cplusplus
extern "C"
{
#endif

/* Makes libsrtp use OpenSSL for AES-GCM. Call it after srtp_init(). Fails if a cipher test case fails. */
srtp_err_status_t onecast_gcm_by_openssl(void);

#ifdef __cplusplus
}
#endif

#endif
