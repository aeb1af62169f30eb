#ifndef WEFT_PROTO_FORWARDED_H
#define WEFT_PROTO_FORWARDED_H

/* The field Forwarded: RFC 7239. */

#include "base/slice.h"

/**
 * Find a parameter of one element, such as `for=192.0.2.1;proto=https`.
 *
 * @param element   What weft__slice_list() gave.
 * @param name      Compared without case.
 * @param value     Without quotes. A value with a backslash in quotes is not understood.
 * @return          True if it is there.
 */
bool weft__forwarded_find(struct weft__slice element, const char *name, struct weft__slice *value);

#endif
