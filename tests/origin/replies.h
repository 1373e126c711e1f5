/*
 * Replies by path: modifiers, then what is answered, all separated by '/'.
 *   modifiers  status/CODE  header/NAME/VALUE  delay/MS  bodydelay/MS (between head and body)  drip/N/MS (N
 * bytes each MS)  chunked/SIZE  eof (ends with the connection)  http10  close (says Connection: close) gzip
 * gzip2 deflate rawdeflate br zstd zstdwide (content codings, the first is applied first) coded/NAME (says a
 * coding without applying it)  cutcoded/N (drops the last N coded bytes) junk/N (N more coded bytes)
 * truncate/N stall/N reset/N abrupt/N (what happens after N body bytes) gate/N/KEY (waits for N requests)
 * flaky/N/CODE/KEY (the first N for KEY get CODE) retryafter/VALUE  hints/N (N interim responses 103)
 * fields/N (N header fields) bigfield/N (a field of N bytes)  cookie/TEXT answers    ok  empty bytes/N[/SEED]
 * zeros/N  text/TEXT  echo (the request's head)  host  conn (its number) redirect/CODE?to=URL (the query,
 * decoded)  loop/N  script?STEPS  case/NAME  status/CODE
 */
#ifndef ORIGIN_REPLIES_H
#define ORIGIN_REPLIES_H

#include "origin.h"

/* Answers one request. True if the connection goes on. */
bool reply_send(struct conn *c, struct request *r);

#endif
