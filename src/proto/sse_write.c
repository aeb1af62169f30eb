/* Writing events: every line break in the data begins a new data line, or it would end the event.
 */
#include "base/fail.h"
#include "proto/sse.h"

static bool has_byte(struct weft__slice text, char byte)
{
    return weft__slice_find(text, byte) < text.length;
}

static bool is_line(struct weft__slice text)
{
    return !has_byte(text, '\n') && !has_byte(text, '\r');
}

static int write_line(struct weft__buffer *out, struct weft__slice name, struct weft__slice value)
{
    char *at = weft__buffer_reserve(out, name.length + value.length + 1);

    if (!at)
        return -1;
    at = mempcpy(at, name.data, name.length);
    if (value.length > 0)
        at = mempcpy(at, value.data, value.length);
    *at = '\n';
    weft__buffer_added(out, name.length + value.length + 1);
    return 0;
}

/* Take a line and the CR, LF or CR LF behind it off the text; false behind the last one. */
static bool next_line(struct weft__slice *text, struct weft__slice *line)
{
    if (!text->data)
        return false;
    size_t length = weft__slice_find(*text, '\n');
    length = weft__slice_find(weft__slice(text->data, length), '\r');
    *line = weft__slice(text->data, length);
    if (length == text->length) {
        *text = weft__slice(NULL, 0);
        return true;
    }
    size_t next = length + 1;
    if (text->data[length] == '\r' && next < text->length && text->data[next] == '\n')
        next++;
    *text = weft__slice(text->data + next, text->length - next);
    return true;
}

static int write_lines(struct weft__buffer *out, struct weft__slice name, struct weft__slice text)
{
    struct weft__slice line;

    while (next_line(&text, &line)) {
        if (write_line(out, name, line) < 0)
            return -1;
    }
    return 0;
}

static int write_retry(struct weft__buffer *out, int64_t retry)
{
    return retry > 0 ? weft__buffer_appendf(out, "retry: %lld\n", (long long)retry) : 0;
}

static int write_message(struct weft__buffer *out, const struct weft__sse_message *message)
{
    if (write_lines(out, WEFT__SLICE(": "), message->comment) < 0)
        return -1;
    if (message->type.length > 0 && write_line(out, WEFT__SLICE("event: "), message->type) < 0)
        return -1;
    if (message->id.data && write_line(out, WEFT__SLICE("id: "), message->id) < 0)
        return -1;
    if (write_retry(out, message->retry) < 0 ||
        write_lines(out, WEFT__SLICE("data: "), message->data) < 0)
        return -1;
    return weft__buffer_append(out, "\n", 1);
}

int weft__sse_write(struct weft__buffer *out, const struct weft__sse_message *message)
{
    size_t before = out->length;

    if (!is_line(message->type) || !is_line(message->id) || has_byte(message->id, '\0'))
        return weft__fail(EINVAL);
    if (write_message(out, message) < 0) {
        out->length = before;
        return -1;
    }
    return 0;
}
