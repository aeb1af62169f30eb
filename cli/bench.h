/*
 * `weft bench`: load for a running application.
 *
 *     bench.c                what can be measured        bench_stream.c  one request's event stream
 *     bench_conversations.c  conversations with a chat   bench_report.c  tables and JSON
 */
#ifndef WEFT_CLI_BENCH_H
#define WEFT_CLI_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

int bench_conversations(int argc, char **argv);

/* bench_stream.c */

/** Where the application is. */
struct bench_target {
    const char *url; /**< as given */
    char host[256];  /**< and port, for the host header */
    struct sockaddr_storage address;
    socklen_t length;
};

/** Take http://host:port/ apart and look the host up. false after a message on stderr. */
bool bench_find(struct bench_target *target, const char *url);

/** What a request came to. */
struct bench_outcome {
    int status;     /**< of the response; 0: none came */
    bool whole;     /**< it ended as HTTP says */
    char error[96]; /**< what went wrong; "" if nothing did */
};

/**
 * Send a request and hand on the events of its response, until it ends or on_event says so.
 *
 * @param on_event  Gets each event as its data comes; data beyond 511 bytes is cut off. false ends
 *                  the call. NULL: nobody wants them.
 */
void bench_request(const struct bench_target *target, const char *request, size_t length,
                   bool (*on_event)(void *context, const char *name, const char *data),
                   void *context, struct bench_outcome *outcome);

/* bench_report.c */

/** One conversation. Times are ns of CLOCK_MONOTONIC; 0: it did not come to that. */
struct bench_conversation {
    int64_t arrival; /**< when it was due */
    int64_t begun;   /**< when it had a slot */
    int64_t first_token;
    int64_t end;
    uint32_t tokens;
    bool done;
    char error[96];
};

/** What the server said of itself while the load ran: the most of each. */
struct bench_peak {
    long conversations;
    long fibers;
    long threads;
    double memory; /**< bytes */
    double load;   /**< 0 to 1 */
};

/** One way of serving them all. */
struct bench_run {
    const char *name;
    size_t slots; /**< of the pool; 0: as many as there are conversations */
    struct bench_conversation *conversations;
    size_t count;
    double rate; /**< of arrivals, per second; 0: all at once */
    int64_t began;
    int64_t ended;
    struct bench_peak peak;
};

/** Print one run, or two beside each other. */
void bench_print(const struct bench_target *target, const struct bench_run *runs, size_t count);

/** Print the same as one JSON object. */
void bench_print_json(const struct bench_target *target, const struct bench_run *runs,
                      size_t count);

/** Conversations of a run that did not end well. */
size_t bench_failures(const struct bench_run *run);

#endif
