/*
 * Every row of hook.tbl, put through every way in which a wait can end.
 *
 * A case is a line: ROW(name, setting, expression). The setting lays out `place` so that the call
 * has to wait, and knows what ends the wait; the expression is the call, its arguments taken from
 * `place`. Each way is tried with the bare call on a thread of its own, where that can be, and with
 * the hooked one in a fiber; the main thread, which is no loop's, lays out and wakes.
 */
#ifndef TESTS_HOOK_ROWS_H
#define TESTS_HOOK_ROWS_H

#include "../hook.h"

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <threads.h>

/** How the wait of a call is made to end. */
enum way {
    WAY_WOKEN,   /* it gets what it wants */
    WAY_BAD,     /* its descriptor is none */
    WAY_EARLY,   /* its fiber was cancelled before */
    WAY_CANCEL,  /* its fiber is cancelled */
    WAY_LIMIT,   /* a WEFT_TIMEOUT() ends */
    WAY_CLOSE,   /* its descriptor is closed */
    WAY_HANDLER, /* a handler runs */
    WAY_RESTART, /* a handler with SA_RESTART runs */
    WAY_PART,    /* a handler runs after a part of the transfer */
    WAY_CUT,     /* its fiber is cancelled after a part of the transfer */
};

enum trait {
    STILL = 1,      /* the call never waits */
    BRIEF = 2,      /* it waits for another thread of ours, and nothing else ends that */
    DESCRIPTOR = 4, /* it waits for place.fd */
    BUSY = 8,       /* a thread waits without sleeping */
    ASYNC = 16,     /* the wait ends by a handler alone */
    IGNORING = 32,  /* a descriptor that is none is nothing to try */
    WHOLE = 64,     /* a handler ends nothing, where it costs the C library a part */
};

struct setting {
    void (*prepare)(void);
    void (*wake)(void); /* NULL: the wait ends by itself */
    void (*part)(void); /* a part of what is wanted arrives; NULL: there are no parts */
    void (*finish)(void);
    unsigned traits;
};

struct row {
    struct row *next;
    const char *name, *text;
    const struct setting *setting;
    long (*call)(void);
};

/** Where a call finds what it needs; cleared before each. */
extern struct place {
    enum way way;
    int fd, peer, spare, file;
    int64_t
        nap; /* for calls that sleep: short if they are to end, long if something else ends it */
    pid_t child;
    FILE *stream, *usual_in, *usual_out, *usual_err;
    char path[64];
    char bytes[64]; /* what the call received or found out, compared with the bare call's */
    size_t size;    /* of what is to be moved */
    size_t filled;  /* what fills place.fd before */
    size_t arrived; /* moved to the peer, beside what was there before */
    pthread_t thread;
    bool has_thread, thread_joined;
    thrd_t c_thread;
    pthread_mutex_t mutex;
    pthread_rwlock_t rwlock;
    pthread_cond_t condition;
    pthread_barrier_t barrier;
    pthread_spinlock_t spin;
    pthread_once_t once;
    once_flag c_once;
    mtx_t c_mutex;
    cnd_t c_condition;
    sem_t semaphore;
    uint32_t word;
    bool closed;
} place;

/** A megabyte to send, or to receive into. */
extern char much[1 << 20];

void row_add(struct row *row);

#define ROW_JOIN_(a, b) a##b
#define ROW_JOIN(a, b) ROW_JOIN_(a, b)

/** A case. A comma in the expression needs no parentheses. */
#define ROW(row_name, row_setting, ...)                                                            \
    ROW_AT(__COUNTER__, row_name, row_setting, #__VA_ARGS__, __VA_ARGS__)
#define ROW_AT(number, row_name, row_setting, row_text, ...)                                       \
    static long ROW_JOIN(row_call_, number)(void)                                                  \
    {                                                                                              \
        return (long)(__VA_ARGS__);                                                                \
    }                                                                                              \
    __attribute__((constructor)) static void ROW_JOIN(row_add_, number)(void)                      \
    {                                                                                              \
        static struct row row = { .name = #row_name,                                               \
                                  .text = row_text,                                                \
                                  .setting = &row_setting,                                         \
                                  .call = ROW_JOIN(row_call_, number) };                           \
        row_add(&row);                                                                             \
    }

/** In expressions. */
#define PART (&(struct iovec){ place.bytes, 4 })
#define OUTGOING (&(struct iovec){ much, place.size })
#define SOON (row_time(CLOCK_REALTIME, 100 * WEFT_SECOND))
#define SOON_MONOTONIC (row_time(CLOCK_MONOTONIC, 100 * WEFT_SECOND))
#define NAP (row_span(place.nap))
#define LONG_SPAN (row_span(100 * WEFT_SECOND))

const struct timespec *row_span(int64_t nanoseconds);
const struct timespec *row_time(clockid_t clock, int64_t from_now);
/** 0 and the descriptor closed again, or -1. */
long row_opened(int fd);

/** In settings. */
void place_pipe(void);
void place_fill(int fd);
void place_drain(void);
void place_clean(void);
/** A thread that handles no signal. */
void place_thread(void *(*body)(void *argument));

extern const struct setting still, no_descriptor, empty_pipe, full_pipe, full_pipe_for_file,
    empty_socket, full_socket;

#endif
