/* The access log: a line for each request, and a file that never holds up the loop. */
#ifndef WEFT_HTTP_LOG_H
#define WEFT_HTTP_LOG_H

#include <weft/base.h>
#include <weft/http/middleware.h>

WEFT_BEGIN_DECLS

/** A file that lines are appended to by a thread of its own. Opaque. */
struct weft_http_log_file;

/** Figures of a log file. */
struct weft_http_log_file_stats {
    uint64_t written; /**< lines that are in the file, ever */
    uint64_t lost;    /**< lines that are not: there was no room, or writing failed, ever */
    size_t waiting;   /**< bytes that wait to be written */
};

/**
 * Open a file for a log; it is made if it does not exist (mode 0640).
 *
 * The lines are gathered in memory and written by a thread of their own, so that a slow or full
 * disk holds up no fiber. What finds no room is lost and counted. A failure is logged once
 * (WEFT_LOG_ERROR), and once more when writing works again; requests are served all the time.
 *
 * @param path      Copied; appended to.
 * @param limit     Bytes that may wait to be written; 0: 1 MiB. While they are being written, as
 *                  many again may gather.
 * @return          The file; NULL and errno, with weft_error() naming it, otherwise.
 * Errors           what open(2) fails with; ENOMEM.
 * Units            bytes
 * Blocks           for the opening
 * Ownership        the caller's, until weft_http_log_file_close()
 */
WEFT_API struct weft_http_log_file *weft_http_log_file_open(const char *path, size_t limit);

/**
 * Append one line.
 *
 * A process that was forked meanwhile begins a thread of its own with its first line; the forking
 * one must not be logging at that moment.
 *
 * @param file      Open.
 * @param line      Without a newline; copied.
 * @param length    Bytes.
 * @return          0; -1 and errno, with the line counted as lost, otherwise.
 * Errors           ENOBUFS no room; EAGAIN no thread could be started.
 * Units            bytes
 * Blocks           never for long: a lock is taken for the copy
 * Threads          any
 */
WEFT_API int weft_http_log_file_write(struct weft_http_log_file *file, const char *line,
                                      size_t length);

/**
 * Open the path anew before the next lines are written: after a rotation has renamed the file.
 *
 * @param file      Open. If the path can't be opened, the old file is written on, and the failure
 *                  logged.
 * Blocks           never for long: a lock is taken
 * Threads          any; not from a signal handler
 */
WEFT_API void weft_http_log_file_reopen(struct weft_http_log_file *file);

/**
 * Take a file's figures.
 *
 * @param file      Open.
 * @param stats     Set.
 * Blocks           never for long: a lock is taken
 * Threads          any
 */
WEFT_API void weft_http_log_file_stats(struct weft_http_log_file *file,
                                       struct weft_http_log_file_stats *stats);

/**
 * Write what waits, and close a file.
 *
 * @param file      Nobody uses it any more. NULL does nothing.
 * Blocks           until what waits is written or has failed
 */
WEFT_API void weft_http_log_file_close(struct weft_http_log_file *file);

/** The form of an access log's lines. */
enum weft_http_log_format {
    WEFT_HTTP_LOG_COMBINED, /**< Apache's and nginx's "combined" */
    WEFT_HTTP_LOG_JSON,     /**< an object a line: time, peer, method, target, protocol, scheme,
                                 host, status, bytes, duration (seconds), id, referer, agent */
};

/** Options of weft_http_access_log_new(). One of `file` and `write` is needed. */
struct weft_http_access_log_options {
    enum weft_http_log_format format; /**< default WEFT_HTTP_LOG_COMBINED */
    struct weft_http_log_file *file;  /**< borrowed */
    /** Gets each line, without a newline, in place of a file. It must not block. */
    void (*write)(const char *line, size_t length, void *context);
    void *context; /**< for `write` */
};

/** Bytes of one text of a request, such as its target, that a line shows. */
#define WEFT_HTTP_LOG_TEXT_MAX 2048

/**
 * Log each request when its response has been sent, or has failed.
 *
 * Bytes are those of the body that passed through this middleware: outside of one that compresses
 * they are the compressed ones; an answer that the server makes for a handler that has failed is
 * not counted. Quotes, backslashes, controls and all bytes beyond ASCII are escaped (\xHH,
 * in JSON \u00HH), so that a request can't forge a line or reach a terminal. Requests that the
 * server refuses before any handler sees them (malformed, too large, too slow) are counted in
 * weft_http_server_stats() alone.
 *
 * @param options   Copied.
 * @param next      What to wrap; freed on failure, if it is a middleware made here.
 * @return          The middleware; NULL and errno otherwise.
 * Errors           EINVAL neither `file` nor `write`; ENOMEM; next is NULL: errno is left.
 * Blocks           never
 * Ownership        weft_http_middleware_free()
 */
WEFT_API struct weft_http_handler *
weft_http_access_log_new(const struct weft_http_access_log_options *options,
                         struct weft_http_handler *next);

WEFT_END_DECLS

#endif
