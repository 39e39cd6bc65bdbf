/*
 * A second way to prove an address, for ICE agents that do not answer our check (some programs; no
 * browser): a DTLS handshake. The client's last message depends on the random value in our
 * ServerHello. If that value went to one address only, and the worker then accepts the client's last
 * message and answers to that address, the address receives.
 */
#ifndef EGRESS_HANDSHAKES_H
#define EGRESS_HANDSHAKES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  /* The beginning of the random value in the last ServerHello that was sent there; 0: none. */
  uint64_t hello;
} Handshake;

/* A handshake record that is not encrypted (DTLS 1.2, epoch 0). `start`: PACKET_START_BYTES. */
bool is_handshake(const unsigned char *start, size_t length);

/* Takes into account a datagram that is sent to an address. `key`: of the address, not 0. True if it
   shows that the address receives. */
bool handshake_proves(Handshake *handshake, uint64_t key, const unsigned char *bytes, size_t length);

#endif
