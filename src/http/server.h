#ifndef WEFT_HTTP_SERVER_INTERNAL_H
#define WEFT_HTTP_SERVER_INTERNAL_H

/*
 * The server and its connections.
 *
 *      acceptor fiber --weft_watch--> connection (idle: 150 bytes, no stack, no buffer)
 *                                          | readable
 *                                          v
 *                           a fresh fiber: head, handler, answer; next request if it is there
 *                                          | nothing more to read
 *                                          v
 *                                      idle again
 *
 * One clerk fiber ends what has been idle too long and sends heartbeats, so that neither costs a
 * timer for each connection. Its coarse clock is all the time that the fast path needs.
 */

#include <weft/http/server.h>
#include <weft/scope.h>
#include <weft/sync.h>
#include <weft/watch.h>

#include "base/list.h"
#include "http/address.h"
#include "net/listen.h"
#include "net/stream.h"
#include "net/tls.h"
#include "proto/http1.h"

/* What becomes of a connection when its fiber has nothing more to do. */
enum weft__next {
    WEFT__NEXT_CLOSE,
    WEFT__NEXT_LINGER, /* close, but let the answer arrive first */
    WEFT__NEXT_IDLE,
    WEFT__NEXT_REQUEST,
    WEFT__NEXT_WAIT, /* upgraded: wait for what comes */
};

struct weft__upgraded;

/* What a connection does once it no longer speaks HTTP. */
struct weft__upgraded_operations {
    /* In the connection's fiber: there is something to read, or the fiber is cancelled. */
    enum weft__next (*ready)(struct weft__upgraded *upgraded);
    /* From the clerk, and when the server stops; they must not park. */
    void (*tick)(struct weft__upgraded *upgraded, int64_t now);
    void (*stop)(struct weft__upgraded *upgraded);
};

struct weft__upgraded {
    struct weft__list node; /* in the server's list; free before and after */
    const struct weft__upgraded_operations *operations;
};

/* What a protocol keeps for all connections of a server. */
struct weft__server_part {
    void (*free)(struct weft__server_part *part);
};

struct weft__peers;

struct weft_http_server {
    struct weft_http_options options; /* with the defaults filled in */
    struct weft__http1_limits limits;
    struct weft__http1_field *fields; /* where a head that comes whole is parsed */
    struct weft__listener listener;
    struct weft__stream_pool pool;
    struct weft__tls_server *tls; /* NULL: plain HTTP */
    bool tls_plain;               /* plain HTTP is served beside it */
    struct weft__peers *peers;    /* NULL: nothing asks who a client is (first.h) */
    int64_t tls_checked;          /* when its files were last looked at */

    struct weft_scope connections;
    struct weft_task *acceptor;
    struct weft_condition start;  /* the acceptor may begin */
    struct weft_condition opened; /* the clerk has something to look after again */
    bool ran;
    bool stopping;
    bool (*let_others)(struct weft_http_server *server); /* accept first; NULL: there are none */
    struct weft_worker *worker;
    int64_t pause_told; /* when a pause of accepting was last logged */

    struct weft__list idle;  /* connections, the longest idle first */
    struct weft__list busy;  /* connections with a fiber */
    struct weft__list beats; /* streams with a heartbeat */
    struct weft__list upgraded;
    struct weft__server_part *websockets; /* made when first needed */
    struct weft__server_part *h2;         /* likewise */
    int64_t clock;                        /* ns, as of the clerk's last look */
    int64_t tick;                         /* ns between looks */
    int64_t date_second;                  /* the second `date` is of */
    char date[40];                        /* "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n" */
    size_t date_length;
    struct weft_http_server_stats stats;
};

struct weft__connection {
    struct weft__list node; /* in the server's idle or busy list */
    struct weft_http_server *server;
    struct weft_watch *watch;
    struct weft__stream stream;
    struct weft__upgraded *upgraded; /* NULL: it speaks HTTP */
    struct weft__list kin;           /* the other connections of its client; free: not counted */
    struct weft__address kin_of;     /* whose */
    struct weft__address peer;       /* told by a proxy; no family: the socket's */
    int64_t idle_since;
    bool introduced; /* a PROXY header has come, or none is to */
    bool begun;      /* TLS or not is settled */
    bool known;      /* HTTP/1 or HTTP/2 is settled */
    bool expired;    /* to be closed unless a request has come */
};

/** Take over an accepted socket; answers 503 when there are too many. */
void weft__connection_open(struct weft_http_server *server, int fd);

/** Make a server's TLS of its options. 0; -1 and errno, with weft_error(). */
int weft__server_secure(struct weft_http_server *server, const struct weft_http_tls *tls);

/**
 * Begin a connection whose first bytes are there: TLS if they look like it.
 *
 * 1 go on; 0 nothing has come after all; -1 it is to be closed.
 */
int weft__connection_begin(struct weft__connection *connection);

/** False in a library that was built without HTTP/2. */
extern const bool weft__http2_built;

/**
 * Find out whether a connection speaks HTTP/2, and begin with it if it does.
 *
 * 1 it is settled; 0 nothing has come after all; -1 the connection is to be closed.
 */
int weft__connection_choose(struct weft__connection *connection);
/** Who the client is. 0; -1 and errno: it has gone. */
int weft__connection_peer(const struct weft__connection *connection, struct weft__address *address);

/** Let an idle connection end itself. */
void weft__connection_expire(struct weft__connection *connection);

/** The date field, made once a second. */
struct weft__slice weft__server_date(struct weft_http_server *server);

/** Look after idle connections and heartbeats until cancelled. */
int weft__clerk(void *argument);

/** Let the clerk look often enough for something that is due each `interval`. */
void weft__clerk_hurry(struct weft_http_server *server, int64_t interval);

#endif
