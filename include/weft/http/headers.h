/* HTTP header fields: ordered, looked up without case, safe against injection. */
#ifndef WEFT_HTTP_HEADERS_H
#define WEFT_HTTP_HEADERS_H

#include <weft/base.h>

WEFT_BEGIN_DECLS

/**
 * Memory that lives as long as one message exchange. Opaque.
 *
 * Freed at once when the response has been sent or has failed; nothing taken from it needs a free.
 */
struct weft_http_memory;

/** Most bytes one exchange may take from its memory; ENOBUFS beyond. */
#define WEFT_HTTP_MEMORY_MAX ((size_t)64 << 20)

/**
 * Take memory that lives until the exchange is over.
 *
 * @param memory    A request's or response's `memory`.
 * @param size      Bytes.
 * @return          The memory, aligned for any type, not cleared; NULL and errno otherwise.
 * Errors           ENOMEM; ENOBUFS beyond WEFT_HTTP_MEMORY_MAX.
 * Units            bytes
 * Blocks           never
 * Ownership        the exchange's
 */
WEFT_API void *weft_http_allocate(struct weft_http_memory *memory, size_t size);

/**
 * Format text into memory that lives until the exchange is over.
 *
 * @param memory    A request's or response's `memory`.
 * @param format    As printf(3).
 * @return          The text; NULL and errno otherwise.
 * Errors           ENOMEM; ENOBUFS beyond WEFT_HTTP_MEMORY_MAX; EINVAL the format.
 * Blocks           never
 * Ownership        the exchange's
 */
WEFT_API char *weft_http_format(struct weft_http_memory *memory, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/**
 * Have a function called once when the exchange is over, however it ends.
 *
 * For what a handler opened and its response goes on using. Called in the reverse order of the
 * calls here, in the connection's fiber, which may be cancelled.
 *
 * @param memory    A request's or response's `memory`.
 * @param function  Called once.
 * @param argument  Handed to it.
 * @return          0; -1 and errno, with function not called, otherwise.
 * Errors           ENOMEM; ENOBUFS.
 * Blocks           never
 */
WEFT_API int weft_http_defer(struct weft_http_memory *memory, void (*function)(void *argument),
                             void *argument);

/** One header field. Both texts end with a NUL and contain none. */
struct weft_http_field {
    const char *name;      /**< as received or given: compare without case */
    const char *value;     /**< without surrounding space; may be empty */
    uint32_t name_length;  /**< bytes */
    uint32_t value_length; /**< bytes */
};

/** The fields of one message, in order. Read `fields` freely; change it by the functions below. */
struct weft_http_headers {
    struct weft_http_field *fields;  /**< `count` of them */
    size_t count;                    /**< fields in use */
    size_t capacity;                 /**< fields there is room for */
    struct weft_http_memory *memory; /**< where copies go */
};

/** Most fields in the headers of one message; ENOBUFS beyond. */
#define WEFT_HTTP_FIELDS_MAX 256

/**
 * The value of the first field with a name.
 *
 * @param headers   A message's.
 * @param name      Any case.
 * @return          Its value; NULL if there is no such field.
 * Blocks           never
 * Ownership        the exchange's
 * Source           RFC 9110, 5
 */
WEFT_API const char *weft_http_headers_get(const struct weft_http_headers *headers,
                                           const char *name);

/**
 * Say whether a comma-separated field lists a token, in any of its lines and any case.
 *
 * @param headers   A message's.
 * @param name      Of the field, such as "connection" or "accept-encoding".
 * @param token     Such as "close" or "gzip"; parameters behind a semicolon are ignored.
 * @return          true if it does.
 * Blocks           never
 * Source           RFC 9110, 5.6.1
 */
WEFT_API bool weft_http_headers_has(const struct weft_http_headers *headers, const char *name,
                                    const char *token);

/**
 * Add a field behind those that are there.
 *
 * @param headers   A message's.
 * @param name      A token (RFC 9110, 5.6.2); copied.
 * @param value     No CR, LF, NUL or other control but tab; copied without surrounding space.
 * @return          0; -1 and errno, with nothing added, otherwise.
 * Errors           EINVAL name or value would break the message; ENOMEM; ENOBUFS too many fields.
 * Blocks           never
 */
WEFT_API int weft_http_headers_add(struct weft_http_headers *headers, const char *name,
                                   const char *value);

/**
 * Add a field, or replace all that have its name by one.
 *
 * @param headers   A message's.
 * @param name      See weft_http_headers_add().
 * @param value     See weft_http_headers_add().
 * @return          0; -1 and errno, with nothing changed, otherwise.
 * Errors           See weft_http_headers_add().
 * Blocks           never
 */
WEFT_API int weft_http_headers_set(struct weft_http_headers *headers, const char *name,
                                   const char *value);

/**
 * Remove every field with a name.
 *
 * @param headers   A message's.
 * @param name      Any case.
 * @return          How many were removed.
 * Blocks           never
 */
WEFT_API size_t weft_http_headers_remove(struct weft_http_headers *headers, const char *name);

WEFT_END_DECLS

#endif
