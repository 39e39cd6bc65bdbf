#ifndef ONECAST_AES_GCM_H
#define ONECAST_AES_GCM_H

#include <srtp2/srtp.h>

#ifdef __cplusplus
extern "C"
{
#endif

/* After srtp_init(): AES-GCM by OpenSSL from now on. Fails where a test case of the cipher does. */
srtp_err_status_t onecast_gcm_by_openssl(void);

#ifdef __cplusplus
}
#endif

#endif
