/*
 * Server-Sent Events: a response without an end that a browser reads with EventSource.
 *
 *     static int ticks(struct weft_sse *sse, void *context)
 *     {
 *         while (weft_sse_send(sse, "tick", "") == 0 && weft_sleep(WEFT_SECOND) == 0)
 *             ;
 *         return 0;
 *     }
 *
 *     return weft_sse_response(request, response, ticks, NULL, 0);      the handler's end
 *
 * Each event leaves at once. When nothing was sent for a while the server sends a comment by
 * itself, which keeps proxies from closing the connection and finds clients that vanished. When
 * the client goes, whatever the function waits for fails with ECANCELED.
 */
#ifndef WEFT_HTTP_SSE_H
#define WEFT_HTTP_SSE_H

#include <weft/base.h>
#include <weft/http/message.h>

WEFT_BEGIN_DECLS

/** One client's open stream of events. Opaque. */
struct weft_sse;

/** Quiet time after which a comment is sent, unless weft_sse_heartbeat() says otherwise. */
#define WEFT_SSE_HEARTBEAT (15 * WEFT_SECOND)

/** Most bytes of one event as it is sent. */
#define WEFT_SSE_EVENT_MAX ((size_t)8 << 20)

/** One event. A zeroed one with `data` is a plain message. */
struct weft_sse_event {
    const char *name; /**< its type; NULL: "message" */
    const char *id;   /**< the client gives the last one back when it reconnects; NULL: none */
    const char *data; /**< any text; each of its lines becomes a data line */
    size_t length;    /**< bytes of data; 0: up to its NUL */
};

/**
 * Answer with a stream of events.
 *
 * Sets content-type and cache-control, and tells nginx not to buffer.
 *
 * @param request   Its last-event-id is kept for weft_sse_last_id().
 * @param response  Filled in.
 * @param function  Writes the events, in the connection's fiber, after the handler has returned;
 *                  see weft_http_body_writer(). The head has been sent by then. 0 ends the stream
 *                  properly; -1 and errno cuts it. A browser reconnects after both.
 * @param context   With size 0 handed to it as it is, else copied.
 * @param size      Bytes to copy.
 * @return          0; -1 and errno otherwise.
 * Errors           ENOMEM; ENOBUFS.
 * Units            bytes
 * Blocks           never
 * Source           WHATWG HTML 9.2
 */
WEFT_API int weft_sse_response(struct weft_http_request *request,
                               struct weft_http_response *response,
                               int (*function)(struct weft_sse *sse, void *context),
                               const void *context, size_t size);

/**
 * Send an event of a name and a text.
 *
 * @param sse       Given to the function.
 * @param name      Its type; NULL: "message".
 * @param data      Any text.
 * @return          See weft_sse_send_event().
 * Errors           See weft_sse_send_event().
 * Blocks           See weft_http_stream_write().
 */
WEFT_API int weft_sse_send(struct weft_sse *sse, const char *name, const char *data);

/**
 * Send an event.
 *
 * @param sse       Given to the function.
 * @param event     Not used after the call.
 * @return          0 once the kernel has it; -1 and errno otherwise.
 * Errors           EINVAL a line break in name or id, or a NUL in id; EMSGSIZE above
 *                  WEFT_SSE_EVENT_MAX; see weft_http_stream_write().
 * Blocks           See weft_http_stream_write().
 */
WEFT_API int weft_sse_send_event(struct weft_sse *sse, const struct weft_sse_event *event);

/**
 * Send events that are already encoded: one encoding for a thousand clients.
 *
 * @param sse       Given to the function.
 * @param data      Whole events, each ended by an empty line.
 * @param length    Bytes.
 * @return          See weft_http_stream_write().
 * Errors           See weft_http_stream_write().
 * Units            bytes
 * Blocks           See weft_http_stream_write().
 */
WEFT_API int weft_sse_send_encoded(struct weft_sse *sse, const void *data, size_t length);

/**
 * Send a comment, which clients ignore.
 *
 * @param sse       Given to the function.
 * @param text      Any text.
 * @return          See weft_http_stream_write().
 * Errors           See weft_http_stream_write().
 * Blocks           See weft_http_stream_write().
 */
WEFT_API int weft_sse_comment(struct weft_sse *sse, const char *text);

/**
 * Tell the client how long to wait before it reconnects.
 *
 * @param sse       Given to the function.
 * @param delay     ns, sent in ms.
 * @return          See weft_http_stream_write().
 * Errors           EINVAL below 0; see weft_http_stream_write().
 * Units            ns
 * Blocks           See weft_http_stream_write().
 */
WEFT_API int weft_sse_retry(struct weft_sse *sse, int64_t delay);

/**
 * Choose after how much quiet time a comment is sent.
 *
 * @param sse       Given to the function.
 * @param interval  ns; the server looks at least each second. WEFT_FOREVER: never.
 * @return          0; -1 and errno otherwise.
 * Errors           EINVAL 0 or less.
 * Units            ns
 * Blocks           never
 */
WEFT_API int weft_sse_heartbeat(struct weft_sse *sse, int64_t interval);

/**
 * The id of the last event that the client saw before it reconnected.
 *
 * @param sse       Given to the function.
 * @return          Its text; NULL for a first connection.
 * Blocks           never
 * Ownership        the exchange's
 */
WEFT_API const char *weft_sse_last_id(const struct weft_sse *sse);

/**
 * The stream below, for weft_http_stream_cork() and weft_http_stream_stopping().
 *
 * @param sse       Given to the function.
 * @return          The stream.
 * Blocks           never
 */
WEFT_API struct weft_http_stream *weft_sse_stream(struct weft_sse *sse);

WEFT_END_DECLS

#endif
