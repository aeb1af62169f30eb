#ifndef WEFT_NET_LISTEN_H
#define WEFT_NET_LISTEN_H

/*
 * Listening sockets by a text address: "127.0.0.1:80", "[::1]:80", "*:80", "name:80",
 * "unix:/path". The socket is ours alone, hence O_NONBLOCK; what it accepts is not.
 */

#include <stdbool.h>
#include <stddef.h>

/** What weft__listen() opened. */
struct weft__listener {
    int fd;         /* -1: none */
    int port;       /* 0 for unix */
    bool waits;     /* accept(2) would wait: it was handed over without O_NONBLOCK, and stays so */
    char path[108]; /* of a unix socket, removed at the end; "" otherwise */
};

/**
 * Bind and listen.
 *
 * @return   0; -1 and errno, with weft_error() saying what to do.
 */
int weft__listen(struct weft__listener *listener, const char *address, int backlog);

/** As weft__listen(), for an address that other sockets may listen on, too (SO_REUSEPORT). */
int weft__listen_shared(struct weft__listener *listener, const char *address, int backlog);

/** Open another socket on the address of one that weft__listen_shared() opened. 0; -1 and errno. */
int weft__listen_beside(struct weft__listener *listener, const struct weft__listener *first,
                        int backlog);

/** Take over a socket that listens already. 0; -1 and errno. */
int weft__listen_adopt(struct weft__listener *listener, int fd);

/** Close it, remove its path. */
void weft__listen_close(struct weft__listener *listener);

/** Wait until there is a connection to accept. 0; -1 and errno. */
int weft__listen_wait(const struct weft__listener *listener);

/** Accept a connection that is there already, if ->waits is not set. -1 and EAGAIN: none is. */
int weft__listen_take(const struct weft__listener *listener);

/**
 * Accept a connection, waiting for one.
 *
 * @return   A blocking descriptor, closed on exec; -1 and errno. A connection that died in the
 *           queue is passed over.
 */
int weft__listen_accept(struct weft__listener *listener);

#endif
