/* What each refusal is called, how it is answered, and what it says. */
#include "base/assert.h"
#include "proto/http1.h"

static const struct {
    unsigned status;
    const char *name;
    const char *message;
} errors[WEFT__HTTP1_ERRORS] = {
    [WEFT__HTTP1_OK] = { 200, "ok", "nothing is wrong" },
    [WEFT__HTTP1_REQUEST_LINE_TOO_LONG] = { 414, "request-line-too-long",
                                            "the request line is longer than the limit" },
    [WEFT__HTTP1_STATUS_LINE_TOO_LONG] = { 502, "status-line-too-long",
                                           "the status line is longer than the limit" },
    [WEFT__HTTP1_FIELD_TOO_LARGE] = { 431, "field-too-large",
                                      "a header field is longer than the limit" },
    [WEFT__HTTP1_HEAD_TOO_LARGE] = { 431, "head-too-large",
                                     "the message head is larger than the limit" },
    [WEFT__HTTP1_TOO_MANY_FIELDS] = { 431, "too-many-fields",
                                      "there are more header fields than the limit" },
    [WEFT__HTTP1_BARE_CR] = { 400, "bare-cr", "a CR without an LF behind it" },
    [WEFT__HTTP1_BARE_LF] = { 400, "bare-lf", "an LF without a CR before it" },
    [WEFT__HTTP1_NUL_BYTE] = { 400, "nul-byte", "a NUL byte in the message head" },
    [WEFT__HTTP1_CONTROL_BYTE] = { 400, "control-byte", "a control byte in the message head" },
    [WEFT__HTTP1_EMPTY_LINES] = { 400, "empty-lines",
                                  "more empty lines before the message than the one allowed" },
    [WEFT__HTTP1_LEADING_SPACE] = { 400, "leading-space",
                                    "a blank before the first line or the first field" },
    [WEFT__HTTP1_REQUEST_LINE] = { 400, "request-line",
                                   "the request line is not METHOD SP target SP version" },
    [WEFT__HTTP1_METHOD] = { 400, "method", "the method is not a token" },
    [WEFT__HTTP1_TARGET] = { 400, "target",
                             "the request target holds a blank, a control byte or a fragment" },
    [WEFT__HTTP1_TARGET_FORM] = { 400, "target-form",
                                  "the request target has no form that the method may use" },
    [WEFT__HTTP1_HTTP09] = { 400, "http09", "an HTTP/0.9 request, which is not supported" },
    [WEFT__HTTP1_VERSION_SYNTAX] = { 400, "version-syntax", "the version is not HTTP/d.d" },
    [WEFT__HTTP1_VERSION_UNSUPPORTED] = { 505, "version-unsupported",
                                          "the HTTP version is not 1.x" },
    [WEFT__HTTP1_STATUS_LINE] = { 502, "status-line",
                                  "the status line is not version SP status SP reason" },
    [WEFT__HTTP1_STATUS_CODE] = { 502, "status-code",
                                  "the status is not a number from 100 to 999" },
    [WEFT__HTTP1_FIELD_NAME] = { 400, "field-name", "a header field's name is not a token" },
    [WEFT__HTTP1_FIELD_NO_COLON] = { 400, "field-no-colon", "a header line without a colon" },
    [WEFT__HTTP1_SPACE_BEFORE_COLON] = { 400, "space-before-colon",
                                         "a blank between a header field's name and its colon" },
    [WEFT__HTTP1_OBS_FOLD] = { 400, "obs-fold",
                               "a header field continued on a second line (obs-fold)" },
    [WEFT__HTTP1_HOST_MISSING] = { 400, "host-missing", "an HTTP/1.1 request without Host" },
    [WEFT__HTTP1_HOST_DUPLICATE] = { 400, "host-duplicate", "more than one Host" },
    [WEFT__HTTP1_HOST_INVALID] = { 400, "host-invalid", "Host is not host or host:port" },
    [WEFT__HTTP1_LENGTH_INVALID] = { 400, "length-invalid",
                                     "Content-Length is not one number of digits" },
    [WEFT__HTTP1_LENGTH_OVERFLOW] = { 400, "length-overflow",
                                      "Content-Length does not fit 63 bits" },
    [WEFT__HTTP1_LENGTH_DUPLICATE] = { 400, "length-duplicate", "more than one Content-Length" },
    [WEFT__HTTP1_LENGTH_AND_CODING] = { 400, "length-and-coding",
                                        "both Content-Length and Transfer-Encoding" },
    [WEFT__HTTP1_CODING_UNKNOWN] = { 501, "coding-unknown",
                                     "a Transfer-Encoding beside chunked is not supported" },
    [WEFT__HTTP1_CODING_INVALID] = { 400, "coding-invalid",
                                     "Transfer-Encoding does not end in one chunked" },
    [WEFT__HTTP1_CODING_DUPLICATE] = { 400, "coding-duplicate", "more than one Transfer-Encoding" },
    [WEFT__HTTP1_CODING_IN_HTTP10] = { 400, "coding-in-http10",
                                       "Transfer-Encoding in an HTTP/1.0 message" },
    [WEFT__HTTP1_BODY_FORBIDDEN] = { 400, "body-forbidden",
                                     "a body in a CONNECT or TRACE request" },
    [WEFT__HTTP1_EXPECTATION] = { 417, "expectation", "Expect is not one 100-continue" },
    [WEFT__HTTP1_BODY_TOO_LARGE] = { 413, "body-too-large", "the body is larger than the limit" },
    [WEFT__HTTP1_CHUNK_SIZE] = { 400, "chunk-size", "a chunk size is not a hexadecimal number" },
    [WEFT__HTTP1_CHUNK_OVERFLOW] = { 400, "chunk-overflow", "a chunk size does not fit 63 bits" },
    [WEFT__HTTP1_CHUNK_LINE_TOO_LONG] = { 400, "chunk-line-too-long",
                                          "a chunk size line is longer than the limit" },
    [WEFT__HTTP1_CHUNK_LINE_END] = { 400, "chunk-line-end",
                                     "a chunk size line does not end in CR LF" },
    [WEFT__HTTP1_CHUNK_EXTENSION] = { 400, "chunk-extension",
                                      "a control byte in a chunk extension" },
    [WEFT__HTTP1_CHUNK_EXTENSIONS_TOO_LARGE] = { 400, "chunk-extensions-too-large",
                                                 "more chunk extensions than the limit" },
    [WEFT__HTTP1_CHUNK_DATA_END] = { 400, "chunk-data-end",
                                     "a chunk's data is not followed by CR LF" },
    [WEFT__HTTP1_TRAILER_FIELD] = { 400, "trailer-field",
                                    "a field that may not stand in a trailer section" },
    [WEFT__HTTP1_TRUNCATED] = { 400, "truncated", "the connection ended before the message did" },
};

unsigned weft__http1_error_status(enum weft__http1_error error)
{
    weft_assert((unsigned)error < WEFT__HTTP1_ERRORS);
    return errors[error].status;
}

const char *weft__http1_error_message(enum weft__http1_error error)
{
    weft_assert((unsigned)error < WEFT__HTTP1_ERRORS);
    return errors[error].message;
}

const char *weft__http1_error_name(enum weft__http1_error error)
{
    weft_assert((unsigned)error < WEFT__HTTP1_ERRORS);
    return errors[error].name;
}
