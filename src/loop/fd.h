#ifndef WEFT_LOOP_FD_H
#define WEFT_LOOP_FD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What the process knows of each descriptor number, shared by all loops.
 *
 * The generation names the owner of a number: it moves on when the number is closed or handed out
 * again, so that what a loop remembers of an earlier owner (an armed poll, an event on its way)
 * is told from what concerns the present one. It is odd while the number is being closed: between
 * the word to those who wait and the close itself nobody may begin to. The kind is found out at
 * first use by the hooks.
 */

enum weft__fd_kind {
    WEFT__FD_UNKNOWN, /* not looked at since the number got its owner */
    WEFT__FD_STREAM,  /* a stream socket: MSG_DONTWAIT works, a short read has drained it */
    WEFT__FD_SOCKET,  /* any other socket: MSG_DONTWAIT works */
    WEFT__FD_NOWAIT,  /* RWF_NOWAIT works: pipes, eventfd, timerfd */
    WEFT__FD_SLOW,    /* pollable without RWF_NOWAIT: ttys, FIFOs, inotify, signalfd */
    WEFT__FD_FILE,    /* not pollable: regular files, directories; /dev/zero and its kin */
};

enum {
    WEFT__FD_OURS = 1,         /* made in this process through a hook: nobody else has its flags */
    WEFT__FD_NONBLOCK = 2,     /* O_NONBLOCK as last seen; only trusted for WEFT__FD_OURS */
    WEFT__FD_RCVTIMEO = 4,     /* SO_RCVTIMEO may be set */
    WEFT__FD_SNDTIMEO = 8,     /* SO_SNDTIMEO may be set */
    WEFT__FD_FLAGS_KNOWN = 16, /* NONBLOCK and the two above are right */
    WEFT__FD_EVENT = 32        /* an eventfd */
};

struct weft__fd {
    _Atomic uint32_t generation;
    _Atomic uint8_t kind;
    _Atomic uint8_t flags;
    _Atomic uint64_t loops; /* bit i: loop i may have waiters on it */
};

enum {
    WEFT__FD_CHUNK = 1024,
    WEFT__FD_CHUNKS = 1024
};

extern _Atomic(struct weft__fd *) weft__fd_chunks[WEFT__FD_CHUNKS];

/** Slow path of weft__fd(): make the chunk. NULL when out of range or memory. */
struct weft__fd *weft__fd_make(int fd);

/** What is known of a number; NULL for a number below 0, above 1,048,575, or without memory. */
static inline struct weft__fd *weft__fd(int fd)
{
    unsigned number = (unsigned)fd;
    if (__builtin_expect(number < (unsigned)WEFT__FD_CHUNK * WEFT__FD_CHUNKS, 1)) {
        struct weft__fd *chunk =
            atomic_load_explicit(&weft__fd_chunks[number / WEFT__FD_CHUNK], memory_order_acquire);
        if (__builtin_expect(chunk != NULL, 1))
            return &chunk[number % WEFT__FD_CHUNK];
    }
    return weft__fd_make(fd);
}

/**
 * A number is about to be closed, or has just been handed out: forget its past owner. Whoever waits
 * on it, in any loop, is woken with EBADF. Call it before the close itself, from any thread.
 */
void weft__fd_forget(int fd);

/** weft__fd_forget() before a close(2); its result is for weft__fd_closed(), right after it. */
uint32_t weft__fd_closing(int fd);
void weft__fd_closed(int fd, uint32_t closing);

/** A number has just been made in this process: forget the past, and set what is known. */
void weft__fd_opened(int fd, enum weft__fd_kind kind, unsigned flags);

#endif
