#ifndef WEFT_NET_DIAL_H
#define WEFT_NET_DIAL_H

/*
 * Connecting to a name: look it up, then try its addresses as RFC 8305 says (happy eyeballs).
 *
 *      look up ──> addresses, families in turn ──> first attempt
 *                                                     | 250 ms, or it failed
 *                                                     v
 *                                                  the next beside it ... the first to connect wins
 *
 * Works in a fiber, which parks, and outside of the runtime, where the thread waits.
 */

#include <stdint.h>

enum {
    WEFT__DIAL_ADDRESSES = 16, /* of a name, that are tried */
    WEFT__DIAL_STEP_MS = 250   /* RFC 8305, 8: "Connection Attempt Delay" */
};

/** What a dial came to. */
enum weft__dial_failure {
    WEFT__DIAL_LOOKUP,  /* the name has no address: see dial.detail */
    WEFT__DIAL_CONNECT, /* no address could be connected to: the last one's errno */
    WEFT__DIAL_LATE,    /* the deadline of this dial passed */
    WEFT__DIAL_STOPPED  /* the fiber is cancelled, or late by a deadline around it */
};

struct weft__dial {
    enum weft__dial_failure failure;
    const char *detail; /* static: what the resolver said; NULL otherwise */
};

/**
 * Connect to a host's TCP port.
 *
 * @param host      A name or a literal address, without brackets.
 * @param deadline  ns of weft_now(); WEFT_FOREVER: none. Outside a fiber a look-up is bounded by
 * the resolver alone.
 * @param dial      Filled in on failure.
 * @return          A connected, blocking socket with TCP_NODELAY; -1 and errno.
 */
int weft__dial_host(const char *host, uint16_t port, int64_t deadline, struct weft__dial *dial);

/** Connect to a Unix socket. As weft__dial_host(). */
int weft__dial_unix(const char *path, int64_t deadline, struct weft__dial *dial);

#endif
