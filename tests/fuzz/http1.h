/* What must hold for any bytes given to the HTTP/1 parser. */
#ifndef TESTS_FUZZ_HTTP1_H
#define TESTS_FUZZ_HTTP1_H

#include "base/assert.h"
#include "unit/proto/transcript.h"

/* All ways of cutting give the same: whole, byte by byte, and at a place the bytes choose. */
static inline void fuzz_http1_cuts(struct connection connection, struct weft__slice bytes)
{
    unsigned hash = 2166136261u;

    for (size_t i = 0; i < bytes.length; i++)
        hash = (hash ^ (unsigned char)bytes.data[i]) * 16777619u;
    size_t cut = bytes.length ? 1 + hash % bytes.length : 0;
    char *whole = transcript(connection, bytes, (struct arrival){ 0, 0 });
    char *single = transcript(connection, bytes, (struct arrival){ 1, 1 });
    char *pieces = transcript(connection, bytes, (struct arrival){ cut, 1 + hash / 7 % 20 });
    weft_assert(strcmp(whole, single) == 0);
    weft_assert(strcmp(whole, pieces) == 0);
    free(whole);
    free(single);
    free(pieces);
}

/* A head that was accepted can be written, and reads back as what it was. */
static inline void fuzz_http1_rewrite(struct connection connection, struct weft__slice bytes)
{
    static struct weft__http1_field fields[100], again[100];
    struct weft__http1_head head, copy;
    struct weft__buffer out;

    if (connection.kind == WEFT__HTTP1_REQUEST)
        weft__http1_request_init(&head, NULL, fields, 100);
    else
        weft__http1_response_init(&head, NULL, fields, 100, connection.method);
    copy = head;
    copy.fields = again;
    if (weft__http1_head_parse(&head, bytes.data, bytes.length) != WEFT__HTTP1_DONE)
        return;
    weft_assert(head.length <= bytes.length);
    weft__buffer_init(&out, 1 << 17);
    if (head.kind == WEFT__HTTP1_REQUEST)
        weft_assert(weft__http1_write_request(&out, head.method, head.target) == 0);
    else
        weft_assert(weft__http1_write_status(&out, head.status, head.reason) == 0);
    for (size_t i = 0; i < head.field_count; i++)
        weft_assert(weft__http1_write_field(&out, fields[i].name, fields[i].value) == 0);
    weft_assert(weft__http1_write_end(&out) == 0);
    struct weft__slice written = weft__buffer_slice(&out);
    enum weft__http1_result result = weft__http1_head_parse(&copy, written.data, written.length);
    if (result == WEFT__HTTP1_DONE) {
        weft_assert(copy.length == written.length && copy.field_count == head.field_count);
        for (size_t i = 0; i < head.field_count; i++)
            weft_assert(weft__slice_equal(fields[i].name, again[i].name) &&
                        weft__slice_equal(fields[i].value, again[i].value));
    } else {
        /* written as 1.1 with a space behind the colon: only these may come of it */
        weft_assert(copy.error == WEFT__HTTP1_HOST_MISSING ||
                    copy.error == WEFT__HTTP1_EXPECTATION ||
                    copy.error == WEFT__HTTP1_FIELD_TOO_LARGE ||
                    copy.error == WEFT__HTTP1_STATUS_LINE_TOO_LONG ||
                    copy.error == WEFT__HTTP1_HEAD_TOO_LARGE);
    }
    weft__buffer_fini(&out);
}

#endif
