/* Forms, pulled from a request's body by two parsers behind one interface. */
#include <weft/http/form.h>

#include <string.h>

#include "base/buffer.h"
#include "base/fail.h"
#include "http/exchange.h"
#include "http/memory.h"
#include "proto/form.h"
#include "proto/multipart.h"

enum {
    PARTS = 1000,
    VALUE = 65536,
};

struct weft_http_form {
    struct weft_http_request *request;
    struct weft_http_form_options options;
    size_t parts;
    struct weft__slice bytes; /* of the body's last chunk */
    struct weft__slice value; /* urlencoded: of the field at hand, not read yet */
    bool multipart;
    bool body_ended;
    bool inside; /* of a part */
    bool ended;
    union {
        struct weft__multipart multipart;
        struct weft__form form;
    } parser;
};

static int fail(struct weft_http_form *form, int error)
{
    if (error == EBADMSG) {
        weft__request_body_blame(form->request, error, 400, "the form is malformed");
    } else if (error == EMSGSIZE) {
        weft__request_body_blame(form->request, error, 413, "the form is larger than is allowed");
    }
    form->inside = false;
    form->ended = true;
    return weft__fail(error);
}

static void discard_parser(void *argument)
{
    struct weft_http_form *form = argument;
    if (form->multipart) {
        weft__multipart_fini(&form->parser.multipart);
    } else {
        weft__form_fini(&form->parser.form);
    }
}

/* Choose the parser. 0; -1: EPROTONOSUPPORT, EBADMSG. */
static int choose(struct weft_http_form *form, const char *type)
{
    struct weft__slice text = weft__slice_string(type ? type : "");
    struct weft__slice boundary;
    struct weft__slice kind = weft__slice_trim(weft__slice(text.data, weft__slice_find(text, ';')));
    if (weft__slice_is_case(kind, "application/x-www-form-urlencoded")) {
        weft__form_init(&form->parser.form, form->options.max_value);
        return 0;
    }
    if (!weft__slice_is_case(kind, "multipart/form-data")) {
        return weft__fail(EPROTONOSUPPORT);
    }
    form->multipart = true;
    if (weft__multipart_boundary(text, &boundary) < 0 ||
        weft__multipart_init(&form->parser.multipart, boundary) < 0) {
        return fail(form, EBADMSG);
    }
    return 0;
}

struct weft_http_form *weft_http_form_open(struct weft_http_request *request,
                                           const struct weft_http_form_options *options)
{
    struct weft_http_form *form = weft_http_allocate(request->memory, sizeof(*form));
    if (!form) {
        return NULL;
    }
    memset(form, 0, sizeof(*form));
    form->request = request;
    form->bytes = weft__slice("", 0);
    form->options = options ? *options : form->options;
    form->options.max_parts = form->options.max_parts ? form->options.max_parts : PARTS;
    form->options.max_value = form->options.max_value ? form->options.max_value : VALUE;
    if (form->options.max_value > WEFT_HTTP_MEMORY_MAX) {
        form->options.max_value = WEFT_HTTP_MEMORY_MAX;
    }
    if (choose(form, weft_http_headers_get(&request->headers, "content-type")) < 0) {
        return NULL;
    }
    if (weft_http_defer(request->memory, discard_parser, form) < 0) {
        discard_parser(form);
        return NULL;
    }
    return form;
}

/* More of the body. 0; -1 and errno. */
static int fill(struct weft_http_form *form)
{
    const void *chunk = NULL;
    ssize_t got = weft_http_body_read(form->request->body, &chunk);
    if (got < 0) {
        return -1;
    }
    form->body_ended = got == 0;
    form->bytes = weft__slice(chunk ? chunk : "", (size_t)got);
    return 0;
}

/* The next event of a multipart body. 0; -1 and errno. */
static int next_event(struct weft_http_form *form, struct weft__multipart_event *event)
{
    for (;;) {
        int got = weft__multipart_next(&form->parser.multipart, &form->bytes, event);
        if (got > 0) {
            return 0;
        }
        if (got < 0) {
            return fail(form, errno);
        }
        if (form->body_ended) {
            return fail(form, EBADMSG); /* cut short */
        }
        if (fill(form) < 0) {
            return -1;
        }
    }
}

static int next_pair(struct weft_http_form *form, struct weft_http_form_part *part)
{
    struct weft__slice name;
    for (;;) {
        int got = weft__form_next(&form->parser.form, &form->bytes, form->body_ended, &name,
                                  &form->value);
        if (got < 0) {
            return fail(form, errno);
        }
        if (got > 0) {
            *part = (struct weft_http_form_part){ .name = name.data };
            return 1;
        }
        if (form->body_ended) {
            form->ended = true;
            return 0;
        }
        if (fill(form) < 0) {
            return -1;
        }
    }
}

static int next_part(struct weft_http_form *form, struct weft_http_form_part *part)
{
    struct weft__multipart_event event;
    do {
        if (next_event(form, &event) < 0) {
            return -1;
        }
        if (event.kind == WEFT__MULTIPART_END) {
            form->ended = true;
            return 0;
        }
    } while (event.kind != WEFT__MULTIPART_PART);
    form->inside = true;
    *part = (struct weft_http_form_part){ event.name.data, event.filename.data, event.type.data };
    return 1;
}

int weft_http_form_next(struct weft_http_form *form, struct weft_http_form_part *part)
{
    form->value = weft__slice(NULL, 0);
    form->inside = false;
    if (form->ended) {
        return 0;
    }
    int got = form->multipart ? next_part(form, part) : next_pair(form, part);
    if (got > 0 && ++form->parts > form->options.max_parts) {
        return fail(form, EMSGSIZE);
    }
    return got;
}

ssize_t weft_http_form_read(struct weft_http_form *form, const void **chunk)
{
    struct weft__multipart_event event;
    if (!form->multipart) {
        struct weft__slice value = form->value;
        form->value = weft__slice(NULL, 0);
        *chunk = value.data;
        return (ssize_t)value.length;
    }
    if (!form->inside) {
        return 0;
    }
    if (next_event(form, &event) < 0) {
        return -1;
    }
    if (event.kind != WEFT__MULTIPART_DATA) {
        form->inside = false;
        return 0;
    }
    *chunk = event.data.data;
    return (ssize_t)event.data.length;
}

char *weft_http_form_value(struct weft_http_form *form, size_t *length)
{
    struct weft__buffer gathered;
    const void *chunk;
    ssize_t got;
    char *text = NULL;
    weft__buffer_init(&gathered, form->options.max_value);
    while ((got = weft_http_form_read(form, &chunk)) > 0) {
        if (weft__buffer_append(&gathered, chunk, (size_t)got) < 0) {
            got = fail(form, errno == ENOBUFS ? EMSGSIZE : errno);
            break;
        }
    }
    if (got == 0) {
        struct weft__slice bytes = weft__buffer_slice(&gathered);
        text = weft__memory_copy(form->request->memory, bytes.data, bytes.length);
        if (length) {
            *length = bytes.length;
        }
    }
    int error = errno;
    weft__buffer_fini(&gathered);
    errno = error;
    return text;
}
