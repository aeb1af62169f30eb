/*
 * The event stream parser.
 *
 * Bytes are cut into lines first (LF, CR and CR LF all end one), then a line is a field, a comment,
 * or, when empty, the end of an event. A line that arrives whole is used where it lies; only a line
 * cut by the end of the bytes is gathered in a buffer.
 *
 * A CR ends its line at once, so that an event needs no byte behind it; an LF that turns out to
 * follow is skipped when it comes.
 */
#include "proto/sse.h"

#include <string.h>

#include "base/assert.h"
#include "base/fail.h"

enum {
    MARK = 3
};

static const char byte_order_mark[MARK] = { '\xef', '\xbb', '\xbf' };

void weft__sse_init(struct weft__sse *parser, size_t limit)
{
    weft_assert(limit > 0);
    *parser = (struct weft__sse){ .limit = limit, .retry = -1 };
    weft__buffer_init(&parser->line, limit);
    weft__buffer_init(&parser->data, limit);
    weft__buffer_init(&parser->type, limit);
    weft__buffer_init(&parser->pending_id, limit);
    weft__buffer_init(&parser->id, limit);
}

void weft__sse_fini(struct weft__sse *parser)
{
    weft__buffer_fini(&parser->line);
    weft__buffer_fini(&parser->data);
    weft__buffer_fini(&parser->type);
    weft__buffer_fini(&parser->pending_id);
    weft__buffer_fini(&parser->id);
}

static void clear_event(struct weft__sse *parser)
{
    weft__buffer_clear(&parser->data);
    weft__buffer_clear(&parser->type);
    parser->any_data = false;
    parser->dispatched = false;
}

void weft__sse_restart(struct weft__sse *parser)
{
    clear_event(parser);
    weft__buffer_clear(&parser->line);
    parser->has_id = false;
    parser->after_cr = false;
    parser->refused = 0;
    parser->mark = 0;
}

/* Does a line of this length fit beside what the event holds already? Its value then does, too. */
static int check_limit(const struct weft__sse *parser, size_t line)
{
    size_t held = parser->data.length + parser->type.length +
                  (parser->has_id ? parser->pending_id.length : 0);

    return line > parser->limit || held > parser->limit - line ? weft__fail(EMSGSIZE) : 0;
}

static int take_data(struct weft__sse *parser, struct weft__slice value)
{
    if (parser->any_data && weft__buffer_append(&parser->data, "\n", 1) < 0)
        return -1;
    parser->any_data = true;
    return weft__buffer_append_slice(&parser->data, value);
}

static int take_id(struct weft__sse *parser, struct weft__slice value)
{
    if (weft__slice_find(value, '\0') < value.length)
        return 0;
    weft__buffer_clear(&parser->pending_id);
    parser->has_id = true;
    return weft__buffer_append_slice(&parser->pending_id, value);
}

static void take_retry(struct weft__sse *parser, struct weft__slice value)
{
    uint64_t number;

    if (weft__parse_decimal(value, &number) == 0 && number <= INT64_MAX)
        parser->retry = (int64_t)number;
}

static int take_field(struct weft__sse *parser, struct weft__slice line)
{
    size_t colon = weft__slice_find(line, ':');
    struct weft__slice name = weft__slice(line.data, colon), value = { "", 0 };

    if (colon < line.length) {
        size_t start = colon + 1;
        if (start < line.length && line.data[start] == ' ')
            start++;
        value = weft__slice(line.data + start, line.length - start);
    }
    if (weft__slice_is(name, "data"))
        return take_data(parser, value);
    if (weft__slice_is(name, "id"))
        return take_id(parser, value);
    if (weft__slice_is(name, "event")) {
        weft__buffer_clear(&parser->type);
        return weft__buffer_append_slice(&parser->type, value);
    }
    if (weft__slice_is(name, "retry"))
        take_retry(parser, value);
    return 0;
}

/* An empty line: 1 when it ends an event that has data. */
static int end_event(struct weft__sse *parser, struct weft__sse_event *event)
{
    if (parser->has_id) {
        struct weft__buffer old = parser->id;
        parser->id = parser->pending_id;
        parser->pending_id = old;
        parser->has_id = false;
    }
    if (!parser->any_data) {
        clear_event(parser);
        return 0;
    }
    parser->dispatched = true;
    event->type = parser->type.length ? weft__buffer_slice(&parser->type) : WEFT__SLICE("message");
    event->data = weft__buffer_slice(&parser->data);
    event->id = weft__buffer_slice(&parser->id);
    return 1;
}

static int take_line(struct weft__sse *parser, struct weft__slice line,
                     struct weft__sse_event *event)
{
    if (line.length == 0)
        return end_event(parser, event);
    if (line.data[0] == ':')
        return 0;
    return take_field(parser, line);
}

static void advance(struct weft__slice *bytes, size_t count)
{
    bytes->data += count;
    bytes->length -= count;
}

/*
 * Skip a byte order mark at the very beginning. Bytes that began like one but are none belong to
 * the first line after all.
 */
static int skip_mark(struct weft__sse *parser, struct weft__slice *bytes)
{
    while (parser->mark < MARK && bytes->length > 0) {
        if (bytes->data[0] != byte_order_mark[parser->mark]) {
            size_t count = parser->mark;
            parser->mark = MARK;
            return check_limit(parser, count) < 0
                       ? -1
                       : weft__buffer_append(&parser->line, byte_order_mark, count);
        }
        parser->mark++;
        advance(bytes, 1);
    }
    return 0;
}

static size_t line_length(struct weft__slice bytes)
{
    size_t feed = weft__slice_find(bytes, '\n');
    return weft__slice_find(weft__slice(bytes.data, feed), '\r');
}

/* Take one complete line off the bytes; 0 with all bytes gathered when there is none. */
static int next_line(struct weft__sse *parser, struct weft__slice *bytes, struct weft__slice *line)
{
    size_t length = line_length(*bytes);
    bool whole = length < bytes->length;

    if (check_limit(parser, parser->line.length + length) < 0)
        return -1;
    *line = weft__slice(bytes->data, length);
    if (!whole || parser->line.length > 0) {
        if (weft__buffer_append_slice(&parser->line, *line) < 0)
            return -1;
        *line = weft__buffer_slice(&parser->line);
    }
    if (whole)
        parser->after_cr = bytes->data[length] == '\r';
    advance(bytes, whole ? length + 1 : length);
    return whole;
}

static int next_event(struct weft__sse *parser, struct weft__slice *bytes,
                      struct weft__sse_event *event)
{
    struct weft__slice line;

    if (skip_mark(parser, bytes) < 0)
        return -1;
    while (bytes->length > 0) {
        if (parser->after_cr) {
            parser->after_cr = false;
            if (bytes->data[0] == '\n') {
                advance(bytes, 1);
                continue;
            }
        }
        int result = next_line(parser, bytes, &line);
        if (result <= 0)
            return result;
        result = take_line(parser, line, event);
        weft__buffer_clear(&parser->line);
        if (result != 0)
            return result;
    }
    return 0;
}

int weft__sse_next(struct weft__sse *parser, struct weft__slice *bytes,
                   struct weft__sse_event *event)
{
    if (parser->refused)
        return weft__fail(parser->refused);
    if (parser->dispatched)
        clear_event(parser);
    int result = next_event(parser, bytes, event);
    if (result < 0)
        parser->refused = errno;
    return result;
}

bool weft__sse_unfinished(const struct weft__sse *parser)
{
    if (parser->line.length > 0 || (parser->mark > 0 && parser->mark < MARK))
        return true;
    return !parser->dispatched && (parser->any_data || parser->type.length > 0);
}

struct weft__slice weft__sse_last_id(const struct weft__sse *parser)
{
    return weft__buffer_slice(&parser->id);
}
