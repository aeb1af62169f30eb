#ifndef WEFT_HOOK_STDIO_H
#define WEFT_HOOK_STDIO_H

#include "hook/hook.h"

/*
 * Streams of the C library on pipes, sockets and terminals.
 *
 * The library's own reads and writes can't be hooked, so they are kept from waiting: before its
 * buffer is filled, the descriptor is waited for; before its buffer would be written out, that is
 * done by the hooked write. What touches the buffer alone is left to the real functions. Meant are
 * streams that the C library made for a descriptor, and no regular file; any other stream, those of
 * fopencookie and open_memstream among them, is the real functions' own. Most of this is about
 * narrow streams; for wide ones see stdio_wide.c.
 *
 * A fiber holds a stream as long as its call lasts, or from flockfile to funlockfile: by the
 * stream's own lock, which keeps threads out, and by a record here, which keeps out the other
 * fibers of the thread. See docs/decisions/016-stdio.md.
 */

/** Bits of a stream's flags that the C library's old inline functions fixed for ever. */
enum {
    WEFT__STREAM_UNBUFFERED = 0x2,
    WEFT__STREAM_NO_READS = 0x4,
    WEFT__STREAM_IN_BACKUP = 0x100,
    WEFT__STREAM_LINES = 0x200,
    WEFT__STREAM_PUTTING = 0x800
};

/** A stream in a fiber's hands. */
struct weft__hold {
    struct weft__list node;
    struct weft__fiber *fiber;
    FILE *stream;
    unsigned depth;
    bool on_heap;
};

/** Whether a call on the stream may have to wait for its descriptor. */
bool weft__stream_waits(const FILE *stream);

/**
 * Hold a stream until weft__stream_leave(); HOLD is the caller's memory for it. NULL and errno when
 * the fiber is cancelled or late before it gets it.
 */
struct weft__hold *weft__stream_enter(struct weft__fiber *self, FILE *stream,
                                      struct weft__hold *hold);
void weft__stream_leave(struct weft__hold *hold);

/** The stream is about to be closed: nobody holds it. */
void weft__stream_forget(const FILE *stream);

/** Write out what is in the buffer. Held. 0; or -1 and errno, with the rest kept. */
int weft__stream_drain(struct weft__fiber *self, FILE *stream);

/** All bytes were taken, but the end of a line that was to be written out could not be. */
#define WEFT__STREAM_KEPT SIZE_MAX

/** Put bytes into a stream, held: how many it took. */
size_t weft__stream_put(struct weft__fiber *self, FILE *stream, const char *data, size_t size);

/** Hold a stream if nobody else does; NULL: somebody does. */
struct weft__hold *weft__stream_try(struct weft__fiber *self, FILE *stream,
                                    struct weft__hold *hold);

/** Before an answer is waited for on STREAM, what stdout still has is shown. */
void weft__stream_show_prompt(struct weft__fiber *self, FILE *stream);

/** Write out what all streams have, as fflush(NULL). */
int weft__flush_all(struct weft__fiber *self);

/* stdio_wide.c */

/** weft__stream_waits() of a call on a stream of wide characters, or one that is to be. */
bool weft__stream_waits_wide(const FILE *stream);

/** Wait until a wide stream has a character. Held. false at the end, or after a failure. */
bool weft__stream_has_wide(struct weft__fiber *self, FILE *stream);

/** Write out a wide stream. Held. 0; or -1 and errno, with what was not written dropped. */
int weft__stream_flush_wide(struct weft__fiber *self, FILE *stream);

/* stdio_capture.c */

/** A stream whose output is caught. */
struct weft__capture {
    FILE *stream;
    int fd;   /* its own */
    int sink; /* where it writes now; negative: nothing is caught */
    off64_t offset;
    bool whole; /* a handler does not end the writing */
};

/** Catch what the C library writes, held, until the other call, which parks: 0 or -1 and errno. */
void weft__capture_begin(FILE *stream, struct weft__capture *capture);
int weft__capture_end(struct weft__fiber *self, const struct weft__capture *capture);

/** Before a stream is closed: write out what it has; what can't be is dropped. 0 or -1 and errno.
 */
int weft__stream_finish(struct weft__fiber *self, FILE *stream);

#endif
