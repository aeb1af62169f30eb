#ifndef WEFT_HOOK_STDIO_H
#define WEFT_HOOK_STDIO_H

#include "hook/hook.h"

/*
 * Streams of the C library on pipes, sockets and terminals.
 *
 * The library's own reads and writes can't be hooked, so they are kept from waiting: before its
 * buffer is filled, the descriptor is waited for; before its buffer would be written out, that is
 * done by the hooked write. What touches the buffer alone is left to the real functions. Meant are
 * narrow streams that the C library made for a descriptor, and no regular file; any other stream,
 * wide ones and those of fopencookie and open_memstream among them, is the real functions' own.
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

/** Before a stream is closed: write out what it has; what can't be is dropped. 0 or -1 and errno.
 */
int weft__stream_finish(struct weft__fiber *self, FILE *stream);

#endif
