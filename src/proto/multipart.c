#include "proto/multipart.h"

#include "base/fail.h"
#include "proto/multipart_head.h"

enum state {
    PREAMBLE,
    CONTENT,
    AFTER,       /* a delimiter */
    AFTER_DASH,  /* the first of two */
    AFTER_BLANK, /* blanks, which transports may add */
    AFTER_CR,
    HEAD,
    EPILOGUE,
    BROKEN,
};

int weft__multipart_boundary(struct weft__slice type, struct weft__slice *boundary)
{
    size_t end = weft__slice_find(type, ';');
    if (!weft__slice_is_case(weft__slice_trim(weft__slice(type.data, end)),
                             "multipart/form-data")) {
        return weft__fail(EINVAL);
    }
    struct weft__slice parameters = weft__slice(type.data + end, type.length - end);
    return weft__parameter_find(parameters, "boundary", boundary) == 1 ? 0 : weft__fail(EINVAL);
}

static bool is_boundary(struct weft__slice text)
{
    if (text.length == 0 || text.length > WEFT__MULTIPART_BOUNDARY_MAX ||
        text.data[text.length - 1] == ' ') {
        return false;
    }
    for (size_t i = 0; i < text.length; i++) {
        char byte = text.data[i];
        bool letter = weft__lower(byte) >= 'a' && weft__lower(byte) <= 'z';
        if (!letter && !weft__is_digit(byte) && (!byte || !strchr("'()+_,-./:=? ", byte))) {
            return false;
        }
    }
    return true;
}

int weft__multipart_init(struct weft__multipart *multipart, struct weft__slice boundary)
{
    if (!is_boundary(boundary)) {
        return weft__fail(EINVAL);
    }
    memset(multipart, 0, sizeof(*multipart));
    memcpy(multipart->delimiter, "\r\n--", 4);
    memcpy(multipart->delimiter + 4, boundary.data, boundary.length);
    multipart->delimiter_length = boundary.length + 4;
    multipart->matched = 2; /* the first one needs no line end before it */
    weft__buffer_init(&multipart->head, WEFT__MULTIPART_HEAD_MAX);
    return 0;
}

void weft__multipart_fini(struct weft__multipart *multipart)
{
    weft__buffer_fini(&multipart->head);
}

bool weft__multipart_ended(const struct weft__multipart *multipart)
{
    return multipart->state == EPILOGUE;
}

static void advance(struct weft__slice *bytes, size_t count)
{
    bytes->data += count;
    bytes->length -= count;
}

static int fail(struct weft__multipart *multipart, int error)
{
    multipart->state = BROKEN;
    return weft__fail(error);
}

/* Some content: 1. In the preamble it is left out: 0. */
static int give(const struct weft__multipart *multipart, const char *data, size_t length,
                struct weft__multipart_event *event)
{
    *event = (struct weft__multipart_event){ .kind = WEFT__MULTIPART_DATA,
                                             .data = weft__slice(data, length) };
    return multipart->state == CONTENT;
}

/* Look for a delimiter. 1 an event; 0 go on. */
static int scan(struct weft__multipart *multipart, struct weft__slice *bytes,
                struct weft__multipart_event *event)
{
    if (multipart->matched == 0) {
        struct weft__slice all = *bytes;
        size_t length = weft__slice_find(all, '\r');
        advance(bytes, length);
        if (length > 0) {
            return give(multipart, all.data, length, event);
        }
    }
    while (bytes->length > 0 && multipart->matched < multipart->delimiter_length) {
        if (bytes->data[0] != multipart->delimiter[multipart->matched]) {
            size_t lent = multipart->lent;
            size_t held = multipart->matched - lent;
            multipart->matched = 0;
            multipart->lent = 0;
            return held ? give(multipart, multipart->delimiter + lent, held, event) : 0;
        }
        multipart->matched++;
        advance(bytes, 1);
    }
    if (multipart->matched < multipart->delimiter_length) {
        return 0;
    }
    bool content = multipart->state == CONTENT;
    multipart->matched = 0;
    multipart->lent = 0;
    multipart->state = AFTER;
    *event = (struct weft__multipart_event){ .kind = WEFT__MULTIPART_PART_END };
    return content;
}

/* One byte behind a delimiter. 1 an event; 0 go on; -1. */
static int follow(struct weft__multipart *multipart, char byte, struct weft__multipart_event *event)
{
    bool dashes = multipart->state == AFTER_DASH;
    bool blank = byte == ' ' || byte == '\t';
    if (dashes && byte == '-') {
        multipart->state = EPILOGUE;
        *event = (struct weft__multipart_event){ .kind = WEFT__MULTIPART_END };
        return 1;
    }
    if (multipart->state == AFTER_CR && byte == '\n') {
        multipart->state = HEAD;
        weft__buffer_clear(&multipart->head);
        return 0;
    }
    if (multipart->state == AFTER && byte == '-') {
        multipart->state = AFTER_DASH;
    } else if (!dashes && multipart->state != AFTER_CR && (blank || byte == '\r')) {
        multipart->state = blank ? AFTER_BLANK : AFTER_CR;
    } else {
        return fail(multipart, EBADMSG);
    }
    return 0;
}

/* One byte of a part's fields. */
static int gather(struct weft__multipart *multipart, char byte, struct weft__multipart_event *event)
{
    struct weft__buffer *head = &multipart->head;
    if (weft__buffer_append(head, &byte, 1) < 0) {
        return fail(multipart, errno == ENOBUFS ? EMSGSIZE : errno);
    }
    char *text = head->data + head->start;
    bool empty = head->length == 2 && memcmp(text, "\r\n", 2) == 0;
    if (!empty && (head->length < 4 || memcmp(text + head->length - 4, "\r\n\r\n", 4) != 0)) {
        return 0;
    }
    if (weft__multipart_head(text, head->length, event) < 0) {
        return fail(multipart, EBADMSG);
    }
    multipart->state = CONTENT;
    multipart->matched = 2; /* empty content: the delimiter's CRLF may be the one before */
    multipart->lent = 2;
    return 1;
}

int weft__multipart_next(struct weft__multipart *multipart, struct weft__slice *bytes,
                         struct weft__multipart_event *event)
{
    int result = 0;
    while (result == 0 && bytes->length > 0) {
        char byte = bytes->data[0];
        switch (multipart->state) {
        case PREAMBLE:
        case CONTENT:
            result = scan(multipart, bytes, event);
            break;
        case HEAD:
            advance(bytes, 1);
            result = gather(multipart, byte, event);
            break;
        case EPILOGUE:
            advance(bytes, bytes->length);
            break;
        case BROKEN:
            return weft__fail(EBADMSG);
        default:
            advance(bytes, 1);
            result = follow(multipart, byte, event);
        }
    }
    return result;
}
