/*
 * A forward proxy: CONNECT, and absolute-form for clear text. Every name leads to 127.0.0.1 and every IP
 * literal to itself. What goes wrong is chosen by the first label of the host that is asked for:
 *   proxy403 proxy407 proxy502 …   that status        proxyhang     no answer
 *   proxyreset proxyclose          the end            proxygarbage  bytes that are no response
 *   proxyhuge                      a head without end proxybody     200 with a body's length, then the tunnel
 *   proxyslow                      after 300 ms       proxyearly    bytes of the proxy's before the tunnel's
 */
#ifndef ORIGIN_PROXY_H
#define ORIGIN_PROXY_H

#include "origin.h"

/* Serves one request of a proxy's port. True if the connection goes on. */
bool proxy_serve(struct conn *c, struct request *r);

#endif
