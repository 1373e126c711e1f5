/*
 * What a TLS port does before, in and after the handshake, by the words of the name's first label
 * (certificates: authority.h; the table is in tlsside.c):
 *   before     silent close reset helloclose helloreset plain garbage alert halfhello ssh slowaccept http2
 * warnings emptyrecords cipherspecs hugehello handshake  tls10 tls11 tls12 tls13 needcert dribble nocommon
 * wrongalpn brokender (with tls12) after      notickets ticketflood keyupdates keyrequests renegotiate
 * resetafter closeafter abruptafter silentafter
 */
#ifndef ORIGIN_TLSSIDE_H
#define ORIGIN_TLSSIDE_H

#include "origin.h"

/* Prepares origin->ctx. 0, or -1. */
int tlsside_init(struct origin *o);

/* Does the server's side of the handshake on a fresh connection: 0 with c->wire.ssl set, or -1: the
 * behaviour ended the connection, or the handshake failed. */
int tlsside_accept(struct conn *c);

#endif
