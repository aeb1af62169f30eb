/*
 * Server-Sent Events as a client: read event by event, in plain blocking code.
 *
 *     struct weft_sse_reader *reader = weft_sse_reader_new(response, 0);
 *     struct weft_sse_event event;
 *     while ((got = weft_sse_reader_next(reader, &event)) > 0)
 *         puts(event.data);
 *     weft_sse_reader_free(reader);
 *
 * weft_sse_subscribe() reconnects by itself, as a browser's EventSource does.
 */
#ifndef WEFT_HTTP_SSE_READER_H
#define WEFT_HTTP_SSE_READER_H

#include <weft/base.h>
#include <weft/http/client.h>
#include <weft/http/sse.h>

WEFT_BEGIN_DECLS

/** A stream of events that is read. Opaque. */
struct weft_sse_reader;

/** How a subscription behaves. A zeroed struct asks for the defaults. */
struct weft_sse_subscription {
    const struct weft_http_header *headers; /**< of each request, borrowed. NULL: none */
    const char *last_id; /**< where to begin: sent as last-event-id. NULL: at the beginning */
    size_t max_event;    /**< bytes of one event. Default 1,048,576 */
    int64_t retry;       /**< ns before a reconnect, until the server says otherwise. Default 3 s */
    int64_t retry_max;   /**< ns at most, whatever the server says. Default 60 s */
    int attempts;        /**< in a row without an event; -1: for ever. Default 10 */
    int64_t stall_timeout; /**< ns without a byte until the connection is given up. Default that of
                                the client */
};

/**
 * Read the events of a response.
 *
 * @param response  Of a client. Borrowed, closed by the caller after the reader.
 * @param max_event Most bytes of one event; 0: 1,048,576.
 * @return          The reader; NULL and errno, with weft_error(), otherwise.
 * Errors           EBADMSG its content-type is not text/event-stream; ENOMEM.
 * Units            bytes
 * Blocks           never
 * Ownership        the caller's, until weft_sse_reader_free()
 * Source           WHATWG HTML 9.2
 */
WEFT_API struct weft_sse_reader *weft_sse_reader_new(struct weft_http_response *response,
                                                     size_t max_event);

/**
 * Read events of a URL's path, and reconnect where the stream ends or fails.
 *
 * Each reconnect tells the server the last event's id. Nothing is connected to until the first
 * weft_sse_reader_next().
 *
 * @param client    Lives as long as the reader.
 * @param target    See weft_http_client_request(); copied.
 * @param options   NULL: the defaults.
 * @return          The reader; NULL and errno, with weft_error(), otherwise.
 * Errors           ENOMEM.
 * Blocks           never
 * Ownership        the caller's, until weft_sse_reader_free()
 * Source           WHATWG HTML 9.2
 */
WEFT_API struct weft_sse_reader *weft_sse_subscribe(struct weft_http_client *client,
                                                    const char *target,
                                                    const struct weft_sse_subscription *options);

/**
 * Wait for the next event.
 *
 * @param reader    Any.
 * @param event     Set when 1 is returned; its texts end with a NUL and are valid until the next
 *                  call. `name` is "message" unless the stream says otherwise; `id` NULL if no
 * event had one so far.
 * @return          1 an event; 0 the stream has ended (of a subscription: the server said so by
 *                  204); -1 and errno, with weft_error(), otherwise.
 * Errors           ECONNRESET the stream was cut, also in the middle of an event; EMSGSIZE an event
 *                  above max_event; EBADMSG a subscription's answer is none of events; those of
 *                  weft_http_client_request() once its attempts are used up; ECANCELED; ENOMEM.
 * Blocks           parks the fiber; cancellation point
 * Ownership        the event's texts are the reader's
 */
WEFT_API int weft_sse_reader_next(struct weft_sse_reader *reader, struct weft_sse_event *event);

/**
 * The id of the last event, to go on from there some other time.
 *
 * @param reader    Any.
 * @return          Its text; NULL if no event had one.
 * Blocks           never
 * Ownership        the reader's, until its next event
 */
WEFT_API const char *weft_sse_reader_last_id(const struct weft_sse_reader *reader);

/**
 * Free a reader. A subscription's connection is closed.
 *
 * @param reader    NULL does nothing.
 * Blocks           never
 */
WEFT_API void weft_sse_reader_free(struct weft_sse_reader *reader);

WEFT_END_DECLS

#endif
