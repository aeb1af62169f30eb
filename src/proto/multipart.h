#ifndef WEFT_PROTO_MULTIPART_H
#define WEFT_PROTO_MULTIPART_H

/*
 * multipart/form-data: RFC 7578, with the framing of RFC 2046.
 *
 *      preamble  --boundary CRLF  fields CRLF CRLF  content  CRLF--boundary ... --boundary--  rest
 *
 * Only a delimiter begins with a CR, so what was matched of one and turned out to be content is
 * given out from the delimiter itself: content is never copied.
 */

#include "base/buffer.h"

enum {
    WEFT__MULTIPART_BOUNDARY_MAX = 70, /* RFC 2046, 5.1.1 */
    WEFT__MULTIPART_HEAD_MAX = 8192,   /* bytes of one part's fields */
};

enum weft__multipart_kind {
    WEFT__MULTIPART_PART, /* a part begins */
    WEFT__MULTIPART_DATA, /* some of its content */
    WEFT__MULTIPART_PART_END,
    WEFT__MULTIPART_END, /* of the last part; what follows is left out */
};

struct weft__multipart_event {
    enum weft__multipart_kind kind;
    struct weft__slice data; /* of DATA: valid until the next call */
    /* Of PART, each with a NUL behind it, valid until the next PART. data NULL: not told. */
    struct weft__slice name;
    struct weft__slice filename;
    struct weft__slice type;
};

struct weft__multipart {
    char delimiter[4 + WEFT__MULTIPART_BOUNDARY_MAX]; /* CRLF--boundary */
    size_t delimiter_length;
    size_t matched; /* bytes of the delimiter that were seen */
    size_t lent;    /* of them, what was no content: the CRLF before it */
    int state;
    struct weft__buffer head;
};

/** Find the boundary in a content-type. 0; -1: EINVAL it is no multipart/form-data with one. */
int weft__multipart_boundary(struct weft__slice type, struct weft__slice *boundary);

/** Begin. 0; -1: EINVAL the boundary is empty, too long, or has bytes that none has. */
int weft__multipart_init(struct weft__multipart *multipart, struct weft__slice boundary);

void weft__multipart_fini(struct weft__multipart *multipart);

/**
 * Go on.
 *
 * @param bytes   In: what came. Out: what is left of it.
 * @return        1 an event; 0 all bytes are used up; -1: EBADMSG malformed, EMSGSIZE the fields of
 *                a part are too long, ENOMEM.
 */
int weft__multipart_next(struct weft__multipart *multipart, struct weft__slice *bytes,
                         struct weft__multipart_event *event);

/** True once the last delimiter has come. */
bool weft__multipart_ended(const struct weft__multipart *multipart);

#endif
