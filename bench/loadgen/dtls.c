/* DTLS as the client, and the SRTP keys that result from it. */
#include "loadgen.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static SSL_CTX *context;

void dtls_set_up(void) {
  EVP_PKEY *key = EVP_EC_gen("P-256");
  X509 *cert = X509_new();
  X509_set_version(cert, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
  X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
  X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
  X509_set_pubkey(cert, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                             (const uint8_t *)"loadgen", -1, -1, 0);
  X509_set_issuer_name(cert, X509_get_subject_name(cert));
  X509_sign(cert, key, EVP_sha256());
  context = SSL_CTX_new(DTLS_client_method());
  SSL_CTX_use_certificate(context, cert);
  SSL_CTX_use_PrivateKey(context, key);
  /* The same profile for every server, so that all do the same work. Certificates are not
   * verified: the servers are ours. */
  SSL_CTX_set_tlsext_use_srtp(context, "SRTP_AEAD_AES_128_GCM");
  uint8_t digest[EVP_MAX_MD_SIZE];
  unsigned length;
  X509_digest(cert, EVP_sha256(), digest, &length);
  printf("fingerprint ");
  for (unsigned i = 0; i < length; i++) printf("%s%02X", i ? ":" : "", digest[i]);
  printf("\n");
}

static srtp_t session_of(const uint8_t *key, const uint8_t *salt, srtp_ssrc_type_t direction) {
  uint8_t both[28];
  memcpy(both, key, 16);
  memcpy(both + 16, salt, 12);
  srtp_policy_t policy;
  memset(&policy, 0, sizeof policy);
  srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
  srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
  policy.ssrc.type = direction;
  policy.key = both;
  policy.window_size = 1024;
  srtp_t session = NULL;
  return srtp_create(&session, &policy) == srtp_err_status_ok ? session : NULL;
}

static void set_up_srtp(Leg *leg) {
  if (!SSL_get_selected_srtp_profile(leg->ssl)) return fail(leg, "no SRTP profile");
  /* Client key, server key, client salt, server salt; we are the client. */
  uint8_t material[56];
  SSL_export_keying_material(leg->ssl, material, sizeof material, "EXTRACTOR-dtls_srtp", 19, NULL,
                             0, 0);
  leg->srtp_out = session_of(material, material + 32, ssrc_any_outbound);
  leg->srtp_in = session_of(material + 16, material + 44, ssrc_any_inbound);
  if (!leg->srtp_out || !leg->srtp_in) return fail(leg, "srtp_create");
  leg->up = 1;
  printf("dtls %d %lld\n", leg->id, now_us());
  if (leg->wants_data) sctp_start(leg);
}

static void advance(Leg *leg) {
  if (leg->failed) return;
  if (leg->up) {
    /* The data may be alerts: OpenSSL must read them to answer them. */
    uint8_t packet[PACKET];
    int length;
    while ((length = SSL_read(leg->ssl, packet, sizeof packet)) > 0) {
      sctp_receive(leg, packet, length);
    }
    return;
  }
  int result = SSL_do_handshake(leg->ssl);
  if (result == 1) return set_up_srtp(leg);
  int why = SSL_get_error(leg->ssl, result);
  if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) fail(leg, "DTLS handshake");
  ERR_clear_error();
}

static unsigned first_timer(SSL *ssl, unsigned us) {
  (void)ssl;
  return us == 0 ? DTLS_US : us * 2;
}

void dtls_start(Leg *leg) {
  struct sockaddr_storage peer;
  socklen_t length = sizeof peer;
  getpeername(leg->fd, (struct sockaddr *)&peer, &length);
  leg->ssl = SSL_new(context);
  leg->in = BIO_new(BIO_s_mem());
  BIO_set_mem_eof_return(leg->in, -1);
  BIO *out = BIO_new_dgram(leg->fd, BIO_NOCLOSE);
  BIO_ctrl(out, BIO_CTRL_DGRAM_SET_CONNECTED, 0, &peer);
  SSL_set_bio(leg->ssl, leg->in, out);
  SSL_set_options(leg->ssl, SSL_OP_NO_QUERY_MTU);
  SSL_set_mtu(leg->ssl, 1200);
  DTLS_set_timer_cb(leg->ssl, first_timer);
  SSL_set_connect_state(leg->ssl);
  advance(leg);
}

void dtls_receive(Leg *leg, const uint8_t *packet, size_t length) {
  if (!leg->ssl) return;
  BIO_write(leg->in, packet, length);
  advance(leg);
}

void dtls_tick(Leg *leg) {
  struct timeval left;
  if (!leg->ssl || leg->up || !DTLSv1_get_timeout(leg->ssl, &left)) return;
  if (left.tv_sec || left.tv_usec) return;
  DTLSv1_handle_timeout(leg->ssl);
  advance(leg);
}
