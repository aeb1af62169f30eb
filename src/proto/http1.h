#ifndef WEFT_PROTO_HTTP1_H
#define WEFT_PROTO_HTTP1_H

/*
 * HTTP/1: message heads, bodies and their serialization, for servers and clients. Bytes in, slices
 * out; no I/O, no clock, no memory but the caller's.
 *
 * Strict on purpose: what RFC 9112 allows a recipient to repair is refused, because every repair is
 * a way for two machines on one connection to disagree about where a message ends. Each refusal has
 * a code of its own, the status to answer with and a sentence (weft__http1_error_*). After any
 * refusal the connection must be closed: the place of the next message is not known.
 *
 * A server connection, `in` being a struct weft__buffer with a limit of at least
 * weft__http1_limits.head + WEFT__HTTP1_ROOM:
 *
 *      struct weft__http1_field fields[100], trailers[16];
 *      struct weft__http1_head head;
 *      struct weft__http1_body body;
 *
 *  next:
 *      weft__http1_request_init(&head, &limits, fields, 100);
 *      for (;;) {
 *          struct weft__slice bytes = weft__buffer_slice(&in);
 *          result = weft__http1_head_parse(&head, bytes.data, bytes.length);
 *          if (result != WEFT__HTTP1_MORE)
 *              break;
 *          if (read_more(&in) == 0)                      end of the stream: see _head_end
 *              goto close;
 *      }
 *      if (result == WEFT__HTTP1_ERROR)
 *          answer weft__http1_error_status(head.error), "connection: close", and close;
 *      copy what is needed out of head: its slices point into `in`;
 *      weft__http1_body_init(&body, &head, trailers, 16, body_limit);
 *      weft__buffer_consume(&in, head.length);
 *      if (head.expect_continue)
 *          send "HTTP/1.1 100 Continue\r\n\r\n" before the first read of the body;
 *
 *      for (;;) {                                        whenever the application asks for body
 *          struct weft__slice bytes = weft__buffer_slice(&in);
 *          result = weft__http1_body_next(&body, bytes.data, bytes.length, &used, &chunk);
 *          WEFT__HTTP1_DATA    use chunk, then weft__buffer_consume(&in, used), go on
 *          WEFT__HTTP1_MORE    weft__buffer_consume(&in, used), read_more; 0: see _body_end
 *          WEFT__HTTP1_DONE    use body.trailers.fields, then consume(used): the body is complete
 *          WEFT__HTTP1_ERROR   body.error; close the connection after answering
 *      }
 *      if (head.keep_alive && response keeps it)         what is left in `in` is the next request
 *          goto next;
 *
 * A client does the same with weft__http1_response_init(); it parses 1xx heads until the final one
 * (a 1xx has framing NONE; 101 is final).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

/** Room a read buffer needs above limits.head for the parser never to starve. */
enum {
    WEFT__HTTP1_ROOM = 1024
};

/** What a step of a parser came to. */
enum weft__http1_result {
    WEFT__HTTP1_ERROR = -1, /* refused; the reason is in .error and stays there */
    WEFT__HTTP1_MORE = 0,   /* give more bytes */
    WEFT__HTTP1_DONE = 1,   /* head or body complete */
    WEFT__HTTP1_DATA = 2,   /* a piece of the body */
};

/** Why bytes were refused. */
enum weft__http1_error {
    WEFT__HTTP1_OK,
    WEFT__HTTP1_REQUEST_LINE_TOO_LONG,
    WEFT__HTTP1_STATUS_LINE_TOO_LONG,
    WEFT__HTTP1_FIELD_TOO_LARGE,
    WEFT__HTTP1_HEAD_TOO_LARGE,
    WEFT__HTTP1_TOO_MANY_FIELDS,
    WEFT__HTTP1_BARE_CR,
    WEFT__HTTP1_BARE_LF,
    WEFT__HTTP1_NUL_BYTE,
    WEFT__HTTP1_CONTROL_BYTE,
    WEFT__HTTP1_EMPTY_LINES,
    WEFT__HTTP1_LEADING_SPACE,
    WEFT__HTTP1_REQUEST_LINE,
    WEFT__HTTP1_METHOD,
    WEFT__HTTP1_TARGET,
    WEFT__HTTP1_TARGET_FORM,
    WEFT__HTTP1_HTTP09,
    WEFT__HTTP1_VERSION_SYNTAX,
    WEFT__HTTP1_VERSION_UNSUPPORTED,
    WEFT__HTTP1_STATUS_LINE,
    WEFT__HTTP1_STATUS_CODE,
    WEFT__HTTP1_FIELD_NAME,
    WEFT__HTTP1_FIELD_NO_COLON,
    WEFT__HTTP1_SPACE_BEFORE_COLON,
    WEFT__HTTP1_OBS_FOLD,
    WEFT__HTTP1_HOST_MISSING,
    WEFT__HTTP1_HOST_DUPLICATE,
    WEFT__HTTP1_HOST_INVALID,
    WEFT__HTTP1_LENGTH_INVALID,
    WEFT__HTTP1_LENGTH_OVERFLOW,
    WEFT__HTTP1_LENGTH_DUPLICATE,
    WEFT__HTTP1_LENGTH_AND_CODING,
    WEFT__HTTP1_CODING_UNKNOWN,
    WEFT__HTTP1_CODING_INVALID,
    WEFT__HTTP1_CODING_DUPLICATE,
    WEFT__HTTP1_CODING_IN_HTTP10,
    WEFT__HTTP1_BODY_FORBIDDEN,
    WEFT__HTTP1_EXPECTATION,
    WEFT__HTTP1_BODY_TOO_LARGE,
    WEFT__HTTP1_CHUNK_SIZE,
    WEFT__HTTP1_CHUNK_OVERFLOW,
    WEFT__HTTP1_CHUNK_LINE_TOO_LONG,
    WEFT__HTTP1_CHUNK_LINE_END,
    WEFT__HTTP1_CHUNK_EXTENSION,
    WEFT__HTTP1_CHUNK_EXTENSIONS_TOO_LARGE,
    WEFT__HTTP1_CHUNK_DATA_END,
    WEFT__HTTP1_TRAILER_FIELD,
    WEFT__HTTP1_TRUNCATED,
    WEFT__HTTP1_ERRORS /* how many there are */
};

/** The status a server answers a refusal with (400, 413, 414, 417, 431, 501, 505; 502 for
 * responses). */
unsigned weft__http1_error_status(enum weft__http1_error error);

/** What is wrong with the bytes, in one sentence without a full stop. */
const char *weft__http1_error_message(enum weft__http1_error error);

/** A short stable name, such as "chunk-size", for logs and metrics. */
const char *weft__http1_error_name(enum weft__http1_error error);

/** Sizes in bytes, line ends not counted. A message exactly at a limit is accepted. */
struct weft__http1_limits {
    size_t line;             /* request line or status line */
    size_t field;            /* one field line */
    size_t head;             /* a whole head, line ends counted; a trailer section likewise */
    size_t fields;           /* field lines in a head; in a trailer section likewise */
    size_t chunk_line;       /* one chunk-size line with its extensions */
    size_t chunk_extensions; /* all chunk extensions of one body together */
};

/** 8 KiB, 8 KiB, 32 KiB, 100, 256, 4 KiB. */
extern const struct weft__http1_limits weft__http1_default_limits;

/** A field line. Both slices point into the parsed bytes; the value is without outer blanks. */
struct weft__http1_field {
    struct weft__slice name;
    struct weft__slice value;
};

/** How the end of a body is found (RFC 9112 section 6.3). */
enum weft__http1_framing {
    WEFT__HTTP1_BODY_NONE,    /* no body */
    WEFT__HTTP1_BODY_LENGTH,  /* content_length bytes; 0 is possible */
    WEFT__HTTP1_BODY_CHUNKED, /* chunked coding */
    WEFT__HTTP1_BODY_CLOSE,   /* until the connection ends; responses only */
    WEFT__HTTP1_BODY_TUNNEL,  /* no HTTP any more: 2xx to CONNECT, 101 */
};

/** The forms of a request target (RFC 9112 section 3.2). */
enum weft__http1_target_form {
    WEFT__HTTP1_TARGET_ORIGIN,    /* /path?query */
    WEFT__HTTP1_TARGET_ABSOLUTE,  /* http://host/path?query */
    WEFT__HTTP1_TARGET_AUTHORITY, /* host:port, of CONNECT */
    WEFT__HTTP1_TARGET_ASTERISK,  /* *, of OPTIONS */
};

enum weft__http1_kind {
    WEFT__HTTP1_REQUEST,
    WEFT__HTTP1_RESPONSE,
    WEFT__HTTP1_TRAILERS,
};

/** A message head. All slices point into the bytes given to the last _parse call. */
struct weft__http1_head {
    enum weft__http1_error error;
    enum weft__http1_kind kind;

    /* a request */
    struct weft__slice method;
    struct weft__slice target; /* as received */
    enum weft__http1_target_form target_form;
    struct weft__slice authority; /* whom the request is for: from the target, else from Host */
    bool expect_continue;         /* the client waits for a 100 before it sends the body */

    /* a response */
    unsigned status;
    struct weft__slice reason;

    /* both */
    unsigned minor; /* of HTTP/1.x; above 1 behaves as 1 */
    struct weft__http1_field *fields;
    size_t field_count;
    enum weft__http1_framing framing;
    uint64_t content_length;    /* with framing LENGTH, and as told in answers to HEAD and in 304 */
    bool has_content_length;    /* content_length was told */
    bool keep_alive;            /* this side lets the connection live on after the message */
    struct weft__slice upgrade; /* protocols offered or chosen (HTTP/1.1, `connection: upgrade`) */
    size_t length;              /* once DONE: bytes the head took */

    /* private */
    const struct weft__http1_limits *limits;
    const char *base;
    size_t field_capacity;
    size_t position;
    struct weft__slice host;
    struct weft__slice expect;
    struct weft__slice coding;
    uint16_t seen;
    uint8_t state;
    bool blank_line;
    bool answers_head;
    bool answers_connect;
};

/**
 * Begin a request head.
 *
 * @param limits    NULL for the defaults. Must outlive the head and its body.
 * @param fields    Where field lines are put.
 * @param capacity  Of fields; more field lines than this, or than limits.fields, are refused.
 */
void weft__http1_request_init(struct weft__http1_head *head,
                              const struct weft__http1_limits *limits,
                              struct weft__http1_field *fields, size_t capacity);

/**
 * Begin a response head.
 *
 * @param method    Of the request it answers: HEAD and CONNECT change what follows the head.
 */
void weft__http1_response_init(struct weft__http1_head *head,
                               const struct weft__http1_limits *limits,
                               struct weft__http1_field *fields, size_t capacity,
                               struct weft__slice method);

/**
 * Parse a head that may not have arrived whole. Give all unread bytes, from the first of the
 * message, each time; they may have moved since. One empty line before a request is skipped.
 * The outcome does not depend on how the bytes were split. Not to be called again after _DONE.
 *
 * @return          WEFT__HTTP1_DONE, _MORE or _ERROR. _MORE never comes with
 *                  limits.head + 2 bytes or more.
 */
enum weft__http1_result weft__http1_head_parse(struct weft__http1_head *head, const char *data,
                                               size_t length);

/**
 * The stream ended while a head gave _MORE.
 *
 * @param length    Bytes that were left unread.
 * @return          _DONE when that is a clean end between messages (nothing but perhaps an empty
 *                  line); _ERROR with TRUNCATED otherwise.
 */
enum weft__http1_result weft__http1_head_end(struct weft__http1_head *head, size_t length);

/** The first field of that name, compared without case; NULL when there is none. */
const struct weft__http1_field *weft__http1_field_find(const struct weft__http1_head *head,
                                                       const char *name);

/** The next one of the name after `previous` (NULL: the first). */
const struct weft__http1_field *weft__http1_field_next(const struct weft__http1_head *head,
                                                       const char *name,
                                                       const struct weft__http1_field *previous);

/** True when a comma separated field, possibly on several lines, contains the token. */
bool weft__http1_field_has(const struct weft__http1_head *head, const char *name,
                           const char *token);

/** A body being decoded. */
struct weft__http1_body {
    enum weft__http1_error error;
    enum weft__http1_framing framing;
    uint64_t received;                /* body bytes delivered so far */
    struct weft__http1_head trailers; /* .fields and .field_count, once DONE */

    /* private */
    const struct weft__http1_limits *limits;
    uint64_t limit;
    uint64_t remaining;
    uint64_t chunk_size;
    size_t line;
    size_t extensions;
    uint8_t digits;
    uint8_t state;
    bool done;
};

/**
 * Begin the body that follows a parsed head.
 *
 * @param trailers  Where trailer fields go; NULL: they are checked and dropped.
 * @param capacity  Of trailers; more are refused.
 * @param limit     Most body bytes; a larger content-length is refused at once. UINT64_MAX: none.
 * @return          0; or -1: EMSGSIZE content-length is above the limit (error BODY_TOO_LARGE).
 */
int weft__http1_body_init(struct weft__http1_body *body, const struct weft__http1_head *head,
                          struct weft__http1_field *trailers, size_t capacity, uint64_t limit);

/**
 * Decode a step. Call again with the bytes after `used` (which move to the front).
 *
 * @param used      Bytes that are finished with once chunk has been used. A trailer section that is
 *                  not complete is not used up, so that its fields are in one piece in the end.
 * @param chunk     With _DATA: body bytes, inside data, never empty.
 * @return          _DATA; _MORE; _DONE (body and trailers complete, used counts them); _ERROR.
 */
enum weft__http1_result weft__http1_body_next(struct weft__http1_body *body, const char *data,
                                              size_t length, size_t *used,
                                              struct weft__slice *chunk);

/** The stream ended: _DONE when that ends the body properly, _ERROR with TRUNCATED otherwise. */
enum weft__http1_result weft__http1_body_end(struct weft__http1_body *body);

/*
 * Serialization, appending to the caller's buffer. Each call appends all or nothing:
 * 0; or -1: EINVAL a byte that could not be parsed back (CR, LF, NUL, other controls, a name that
 * is no token, a target with a space), ENOBUFS, ENOMEM.
 */

/** `METHOD target HTTP/1.1` and the line end. */
int weft__http1_write_request(struct weft__buffer *out, struct weft__slice method,
                              struct weft__slice target);

/** `HTTP/1.1 status reason` and the line end; an empty reason becomes the usual one. */
int weft__http1_write_status(struct weft__buffer *out, unsigned status, struct weft__slice reason);

/** `name: value` and the line end. */
int weft__http1_write_field(struct weft__buffer *out, struct weft__slice name,
                            struct weft__slice value);

/** As weft__http1_write_field, with C strings. */
int weft__http1_write_header(struct weft__buffer *out, const char *name, const char *value);

/** `name: number` and the line end. */
int weft__http1_write_number(struct weft__buffer *out, const char *name, uint64_t number);

/** The empty line behind the fields. */
int weft__http1_write_end(struct weft__buffer *out);

/** Most bytes weft__http1_chunk_head() writes. */
enum {
    WEFT__HTTP1_CHUNK_HEAD = 18
};

/**
 * The line before a chunk of `size` bytes (above 0). After the chunk comes "\r\n"; after the last
 * one "0\r\n", trailer fields, and "\r\n".
 *
 * @return          Bytes written to out, not terminated.
 */
size_t weft__http1_chunk_head(char out[WEFT__HTTP1_CHUNK_HEAD], uint64_t size);

/** Append a whole chunk; nothing for an empty one, which would end the body. */
int weft__http1_write_chunk(struct weft__buffer *out, struct weft__slice data);

/** Append the end of a chunked body without trailers. */
int weft__http1_write_last_chunk(struct weft__buffer *out);

/** A token of RFC 9110 section 5.6.2: what methods and field names are made of. */
bool weft__http1_is_token(struct weft__slice text);

/** Bytes a field value may hold: all but controls, tab allowed. */
bool weft__http1_is_field_value(struct weft__slice text);

/** The usual reason phrase; "" for a status that has none. */
const char *weft__http1_reason(unsigned status);

#endif
