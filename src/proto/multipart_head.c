/* The fields of a part of multipart/form-data. */
#include "proto/multipart_head.h"

#include "base/fail.h"
#include "proto/http1.h"

static struct weft__slice skip(struct weft__slice text, size_t count)
{
    return weft__slice(text.data + count, text.length - count);
}

static struct weft__slice skip_blanks(struct weft__slice text)
{
    size_t count = 0;
    while (count < text.length && (text.data[count] == ' ' || text.data[count] == '\t')) {
        count++;
    }
    return skip(text, count);
}

/* The end of a quoted text, at its closing quote. length: it has none. */
static size_t quoted_length(struct weft__slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] == '\\' && i + 1 < text.length && text.data[i + 1] == '"') {
            i++;
        } else if (text.data[i] == '"') {
            return i;
        }
    }
    return text.length;
}

/* One value, a token or quoted. 0 with the rest behind it; -1. */
static int take_value(struct weft__slice *rest, struct weft__slice *value)
{
    if (rest->length && rest->data[0] == '"') {
        struct weft__slice inside = skip(*rest, 1);
        size_t length = quoted_length(inside);
        if (length == inside.length) {
            return -1;
        }
        *value = weft__slice(inside.data, length);
        *rest = skip(inside, length + 1);
        return 0;
    }
    size_t length = 0;
    while (length < rest->length && rest->data[length] != ';' && rest->data[length] != ' ' &&
           rest->data[length] != '\t') {
        length++;
    }
    *value = weft__slice(rest->data, length);
    *rest = skip(*rest, length);
    return weft__http1_is_token(*value) ? 0 : -1;
}

int weft__parameter_find(struct weft__slice parameters, const char *name, struct weft__slice *value)
{
    struct weft__slice found;
    int result = 0;
    parameters = skip_blanks(parameters);
    while (parameters.length > 0) {
        if (parameters.data[0] != ';') {
            return -1;
        }
        parameters = skip_blanks(skip(parameters, 1));
        size_t equals = weft__slice_find(parameters, '=');
        struct weft__slice key = weft__slice(parameters.data, equals);
        if (parameters.length == 0) {
            break; /* a semicolon at the end */
        }
        if (equals == parameters.length || !weft__http1_is_token(key)) {
            return -1;
        }
        parameters = skip(parameters, equals + 1);
        if (take_value(&parameters, &found) < 0) {
            return -1;
        }
        if (weft__slice_is_case(key, name)) {
            if (result) {
                return -1; /* told twice: whoever reads the other one disagrees */
            }
            *value = found;
            result = 1;
        }
        parameters = skip_blanks(parameters);
    }
    return result;
}

/* Replace \" by ", and end the text. */
static struct weft__slice finish(struct weft__slice text)
{
    char *out = (char *)(uintptr_t)text.data; /* the head is the caller's to change */
    size_t length = 0;
    for (size_t i = 0; i < text.length; i++) {
        bool escaped = text.data[i] == '\\' && i + 1 < text.length && text.data[i + 1] == '"';
        i += escaped;
        out[length++] = text.data[i];
    }
    out[length] = '\0';
    return weft__slice(out, length);
}

static int read_disposition(struct weft__slice value, struct weft__multipart_event *event)
{
    size_t end = weft__slice_find(value, ';');
    struct weft__slice parameters = skip(value, end);
    if (!weft__slice_is_case(weft__slice_trim(weft__slice(value.data, end)), "form-data") ||
        event->name.data) {
        return -1;
    }
    if (weft__parameter_find(parameters, "name", &event->name) != 1 ||
        weft__parameter_find(parameters, "filename", &event->filename) < 0) {
        return -1;
    }
    return 0;
}

static int read_line(struct weft__slice line, struct weft__multipart_event *event)
{
    size_t colon = weft__slice_find(line, ':');
    struct weft__slice name = weft__slice(line.data, colon);
    if (colon == line.length || !weft__http1_is_token(name)) {
        return -1;
    }
    struct weft__slice value = weft__slice_trim(skip(line, colon + 1));
    if (!weft__http1_is_field_value(value)) {
        return -1;
    }
    if (weft__slice_is_case(name, "content-disposition")) {
        return read_disposition(value, event);
    }
    if (weft__slice_is_case(name, "content-type")) {
        event->type = value;
    }
    if (weft__slice_is_case(name, "content-transfer-encoding")) {
        bool plain = weft__slice_is_case(value, "binary") || weft__slice_is_case(value, "8bit") ||
                     weft__slice_is_case(value, "7bit");
        return plain ? 0 : -1; /* RFC 7578, 4.7: nobody sends it; decoded wrongly, it hides bytes */
    }
    return 0;
}

int weft__multipart_head(char *head, size_t length, struct weft__multipart_event *event)
{
    size_t at = 0;
    *event = (struct weft__multipart_event){ .kind = WEFT__MULTIPART_PART };
    while (at < length && head[at] != '\r') {
        char *end = memchr(head + at, '\r', length - at);
        if (!end || end + 1 >= head + length || end[1] != '\n') {
            return weft__fail(EBADMSG);
        }
        size_t size = (size_t)(end - head) - at;
        if (read_line(weft__slice(head + at, size), event) < 0) {
            return weft__fail(EBADMSG);
        }
        at += size + 2;
    }
    if (!event->name.data) {
        return weft__fail(EBADMSG);
    }
    event->name = finish(event->name);
    event->filename = event->filename.data ? finish(event->filename) : event->filename;
    event->type = event->type.data ? finish(event->type) : event->type;
    return 0;
}
