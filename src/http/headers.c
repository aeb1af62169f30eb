#include "http/headers.h"

#include <string.h>

#include "base/fail.h"
#include "http/memory.h"
#include "proto/http1.h"

enum {
    FIELDS_FIRST = 4, /* of an answer: few have more */
};

int weft__headers_reserve(struct weft_http_headers *headers, size_t count)
{
    if (count <= headers->capacity) {
        return 0;
    }
    if (count > WEFT_HTTP_FIELDS_MAX) {
        return weft__fail(ENOBUFS);
    }
    size_t capacity = headers->capacity ? headers->capacity * 2 : FIELDS_FIRST;
    if (capacity < count) {
        capacity = count;
    }
    struct weft_http_field *fields =
        weft_http_allocate(headers->memory, capacity * sizeof(*fields));
    if (!fields) {
        return -1;
    }
    if (headers->count) {
        memcpy(fields, headers->fields, headers->count * sizeof(*fields));
    }
    headers->fields = fields;
    headers->capacity = capacity;
    return 0;
}

int weft__headers_put(struct weft_http_headers *headers, struct weft__slice name,
                      struct weft__slice value)
{
    if (weft__headers_reserve(headers, headers->count + 1) < 0) {
        return -1;
    }
    headers->fields[headers->count++] = (struct weft_http_field){
        .name = name.data,
        .value = value.data,
        .name_length = (uint32_t)name.length,
        .value_length = (uint32_t)value.length,
    };
    return 0;
}

/* The first field of a name at or behind an index; `count` if there is none. */
static size_t find(const struct weft_http_headers *headers, size_t from, struct weft__slice name)
{
    for (size_t i = from; i < headers->count; i++) {
        const struct weft_http_field *field = &headers->fields[i];
        if (field->name_length == name.length &&
            weft__slice_equal_case(weft__field_name(field), name)) {
            return i;
        }
    }
    return headers->count;
}

const char *weft_http_headers_get(const struct weft_http_headers *headers, const char *name)
{
    size_t i = find(headers, 0, weft__slice_string(name));
    return i < headers->count ? headers->fields[i].value : NULL;
}

bool weft_http_headers_has(const struct weft_http_headers *headers, const char *name,
                           const char *token)
{
    struct weft__slice key = weft__slice_string(name);
    for (size_t i = find(headers, 0, key); i < headers->count; i = find(headers, i + 1, key)) {
        struct weft__slice rest = weft__field_value(&headers->fields[i]);
        struct weft__slice piece;
        while (weft__slice_list(&rest, &piece)) {
            piece.length = weft__slice_find(piece, ';');
            if (weft__slice_is_case(weft__slice_trim(piece), token)) {
                return true;
            }
        }
    }
    return false;
}

/* Checked and copied, ready to be put. 0; -1: EINVAL, ENOMEM, ENOBUFS. */
static int import(struct weft_http_headers *headers, const char *name, const char *value,
                  struct weft__slice *name_copy, struct weft__slice *value_copy)
{
    struct weft__slice key = weft__slice_string(name);
    struct weft__slice text = weft__slice_trim(weft__slice_string(value));
    if (!weft__http1_is_token(key) || !weft__http1_is_field_value(text) ||
        key.length > UINT32_MAX || text.length > UINT32_MAX) {
        return weft__fail(EINVAL);
    }
    const char *copy = weft__memory_copy(headers->memory, key.data, key.length);
    const char *content = weft__memory_copy(headers->memory, text.data, text.length);
    if (!copy || !content) {
        return -1;
    }
    *name_copy = weft__slice(copy, key.length);
    *value_copy = weft__slice(content, text.length);
    return 0;
}

int weft_http_headers_add(struct weft_http_headers *headers, const char *name, const char *value)
{
    struct weft__slice key;
    struct weft__slice text;
    if (weft__headers_reserve(headers, headers->count + 1) < 0 ||
        import(headers, name, value, &key, &text) < 0) {
        return -1;
    }
    return weft__headers_put(headers, key, text);
}

/* Remove the fields of a name at or behind an index, keeping the order of the others. */
static size_t remove_from(struct weft_http_headers *headers, size_t from, struct weft__slice name)
{
    size_t kept = from;
    for (size_t i = from; i < headers->count; i++) {
        if (!weft__slice_equal_case(weft__field_name(&headers->fields[i]), name)) {
            headers->fields[kept++] = headers->fields[i];
        }
    }
    size_t removed = headers->count - kept;
    headers->count = kept;
    return removed;
}

int weft_http_headers_set(struct weft_http_headers *headers, const char *name, const char *value)
{
    struct weft__slice key;
    struct weft__slice text;
    if (import(headers, name, value, &key, &text) < 0) {
        return -1;
    }
    size_t i = find(headers, 0, key);
    if (i == headers->count) {
        return weft__headers_put(headers, key, text);
    }
    headers->fields[i].value = text.data;
    headers->fields[i].value_length = (uint32_t)text.length;
    remove_from(headers, i + 1, key);
    return 0;
}

size_t weft_http_headers_remove(struct weft_http_headers *headers, const char *name)
{
    return remove_from(headers, 0, weft__slice_string(name));
}
