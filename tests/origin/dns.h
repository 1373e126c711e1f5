/*
 * A small name server, UDP and TCP on one port, whose answers are a file: NAME TYPE [VALUE]… a line, '*.' in
 * front of a name for all below it, '#' for comments, the first line that fits decides:
 *   www.test A 127.0.0.1 127.0.0.2      six.test AAAA ::1          alias.test CNAME www.test
 *   gone.test NXDOMAIN                  broken.test SERVFAIL       no.test REFUSED
 *   mute.test SILENCE                   late.test DELAY 300        cut.test TRUNCATE (UDP only: ask by TCP)
 *   odd.test GARBAGE                    forged.test WRONGID        forged2.test WRONGQUESTION
 *   often.test FLAKY 2 (silent the first two times)
 * DELAY, TRUNCATE and FLAKY go on to the name's further lines. A name with lines but none of the type asked
 * for has an empty answer; a name without lines does not exist.
 */
#ifndef ORIGIN_DNS_H
#define ORIGIN_DNS_H

#include "origin.h"

struct zone;

/* Reads the file; NULL when it cannot. */
struct zone *zone_read(const char *path);

/* Answers on both sockets, in threads of its own. 0, or -1. */
int dns_start(struct origin *o, struct zone *zone, int udp, int tcp);

#endif
