/*
 * All streams at once: fflush(NULL) and fcloseall.
 *
 * The C library's list of streams is walked under its own lock, where one that has something to
 * write is taken hold of; it is written out after the lock is left, and then the walk begins again.
 * A stream that somebody else holds is left to the C library, at the end.
 */
#include <stdio_ext.h>

#include "hook/stdio.h"

extern FILE *_IO_list_all;
void _IO_list_lock(void);
void _IO_list_unlock(void);

enum {
    STREAMS_MOST = 4096 /* written out by one call; the C library has the rest */
};

static bool has_output(FILE *stream)
{
    if (weft__stream_waits(stream))
        return __fpending(stream) > 0;
    return stream->_mode > 0 && weft__stream_waits_wide(stream) && __fwriting(stream) &&
           __fpending(stream) > 0;
}

static struct weft__hold *hold_next(struct weft__fiber *self, struct weft__hold *own)
{
    struct weft__hold *hold = NULL;
    _IO_list_lock();
    for (FILE *stream = _IO_list_all; stream && !hold; stream = stream->_chain)
        if (has_output(stream))
            hold = weft__stream_try(self, stream, own);
    _IO_list_unlock();
    return hold;
}

static bool is_late(int error)
{
    return error == ECANCELED || error == ETIMEDOUT;
}

static int flush_held(struct weft__fiber *self, struct weft__hold *hold)
{
    FILE *stream = hold->stream;
    int result = stream->_mode > 0 ? weft__stream_flush_wide(self, stream)
                                   : weft__stream_drain(self, stream);
    int error = result < 0 ? errno : 0;
    weft__stream_leave(hold);
    return error;
}

/* Every stream that may wait: the first error. What a late fiber has not written stays there. */
static int flush_waiting(struct weft__fiber *self)
{
    struct weft__hold own, *hold;
    int first = 0;
    for (int i = 0; i < STREAMS_MOST && (hold = hold_next(self, &own)) != NULL; i++) {
        int error = flush_held(self, hold);
        if (is_late(error))
            return error;
        first = first ? first : error;
    }
    return first;
}

int weft__flush_all(struct weft__fiber *self)
{
    int saved = errno, error = -weft__checkpoint(self);
    if (!error)
        error = flush_waiting(self);
    if (is_late(error))
        return weft__fail(error);
    int rest = WEFT__REAL(fflush)(NULL);
    if (error)
        return weft__fail(error);
    if (rest == 0)
        errno = saved;
    return rest;
}

int weft__hook_fcloseall(struct weft__fiber *self)
{
    int result = weft__flush_all(self), error = errno;
    if (result < 0 && is_late(error))
        return EOF;
    int rest = WEFT__REAL(fcloseall)();
    if (result < 0)
        errno = error;
    return result < 0 ? EOF : rest;
}
