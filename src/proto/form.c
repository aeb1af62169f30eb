#include "proto/form.h"

#include "base/fail.h"
#include "proto/url.h"

enum {
    ENDS = 2, /* NULs behind name and value */
};

void weft__form_init(struct weft__form *form, size_t limit)
{
    weft__buffer_init(&form->pair, limit + ENDS);
}

void weft__form_fini(struct weft__form *form)
{
    weft__buffer_fini(&form->pair);
}

static int decode(struct weft__slice *text)
{
    char *out = (char *)(uintptr_t)text->data; /* in the form's own buffer */
    size_t length;
    if (weft__url_decode(*text, out, &length, true) < 0) {
        return weft__fail(EBADMSG);
    }
    out[length] = '\0';
    text->length = length;
    return 0;
}

/* The pair is whole. 1; -1 EBADMSG. */
static int take(struct weft__form *form, struct weft__slice *name, struct weft__slice *value)
{
    struct weft__slice text = weft__buffer_slice(&form->pair);
    size_t equals = weft__slice_find(text, '=');
    *name = weft__slice(text.data, equals);
    *value = weft__slice(text.data + text.length, 0);
    if (equals < text.length) {
        *value = weft__slice(text.data + equals + 1, text.length - equals - 1);
    }
    /* The value first: the NUL behind the name takes the place of the equals sign. */
    return decode(value) < 0 || decode(name) < 0 ? -1 : 1;
}

int weft__form_next(struct weft__form *form, struct weft__slice *bytes, bool end,
                    struct weft__slice *name, struct weft__slice *value)
{
    for (;;) {
        size_t length = weft__slice_find(*bytes, '&');
        bool whole = length < bytes->length || end;
        if (form->pair.length + length > form->pair.limit - ENDS) {
            return weft__fail(EMSGSIZE);
        }
        if (weft__buffer_append(&form->pair, bytes->data, length) < 0 ||
            !weft__buffer_reserve(&form->pair, ENDS)) {
            return -1;
        }
        size_t skipped = length + (length < bytes->length);
        *bytes = weft__slice(bytes->data + skipped, bytes->length - skipped);
        if (!whole) {
            return 0;
        }
        if (form->pair.length > 0) {
            int taken = take(form, name, value);
            weft__buffer_clear(&form->pair); /* the bytes stay until the next call */
            return taken;
        }
        if (bytes->length == 0) {
            return 0;
        }
    }
}
