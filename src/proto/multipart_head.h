#ifndef WEFT_PROTO_MULTIPART_HEAD_H
#define WEFT_PROTO_MULTIPART_HEAD_H

#include "proto/multipart.h"

/**
 * Read the fields of a part, whose texts are ended in place.
 *
 * @param head     Lines with their CRLF, the empty one too.
 * @return         0; -1 EBADMSG.
 */
int weft__multipart_head(char *head, size_t length, struct weft__multipart_event *event);

/**
 * Find a parameter behind a field's first semicolon; a quote in quotes is written \" in it.
 *
 * @param value    Out: what stands between the quotes, not unescaped.
 * @return         1; 0 it is not there; -1 the parameters are malformed.
 */
int weft__parameter_find(struct weft__slice parameters, const char *name,
                         struct weft__slice *value);

#endif
