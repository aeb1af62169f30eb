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

/* Every stream that may wait, once: what can't be written is kept only for a fiber that is late. */
static int flush_waiting(struct weft__fiber *self)
{
    struct weft__hold own, *hold;
    int result = 0;
    for (int i = 0; result == 0 && i < STREAMS_MOST && (hold = hold_next(self, &own)) != NULL;
         i++) {
        FILE *stream = hold->stream;
        result = stream->_mode > 0 ? weft__stream_flush_wide(self, stream)
                                   : weft__stream_drain(self, stream);
        int error = errno;
        weft__stream_leave(hold);
        errno = error;
    }
    return result < 0 ? EOF : 0;
}

int weft__flush_all(struct weft__fiber *self)
{
    int error = weft__checkpoint(self);
    if (error)
        return weft__fail(-error);
    int result = flush_waiting(self);
    if (result < 0 && (errno == ECANCELED || errno == ETIMEDOUT))
        return EOF;
    error = errno;
    int rest = WEFT__REAL(fflush)(NULL);
    if (result < 0)
        errno = error;
    return result < 0 ? EOF : rest;
}

int weft__hook_fcloseall(struct weft__fiber *self)
{
    int result = weft__flush_all(self), error = errno;
    if (result < 0 && (error == ECANCELED || error == ETIMEDOUT))
        return EOF;
    int rest = WEFT__REAL(fcloseall)();
    if (result < 0)
        errno = error;
    return result < 0 ? EOF : rest;
}
