/* A connection's bytes, clear or in TLS, and the ways to end it. */
#ifndef ORIGIN_WIRE_H
#define ORIGIN_WIRE_H

#include <sys/types.h>
#include "origin.h"

/* Writes all of it: 0, or -1 when the peer is gone. */
int wire_write(struct wire *w, const void *data, size_t len);

/* Reads at most `len` bytes: their number, 0 at the end of the stream, -1 on an error. */
ssize_t wire_read(struct wire *w, void *data, size_t len);

/* Reads and drops what comes until the peer ends the connection or `ms` have passed. */
void wire_drain(struct wire *w, long ms);

/* Ends with close_notify (in TLS) and FIN. Each of these frees the SSL and closes the descriptor. */
void wire_close(struct wire *w);

/* Ends with FIN, without close_notify. */
void wire_abrupt(struct wire *w);

/* Ends with RST. */
void wire_reset(struct wire *w);

/* Sends what is in c->out: 0, or -1. */
int conn_flush(struct conn *c);

#endif
