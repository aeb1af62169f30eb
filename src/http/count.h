#ifndef WEFT_HTTP_COUNT_H
#define WEFT_HTTP_COUNT_H

#include <weft/http/message.h>

/** Have the bytes of a response's body counted as they pass. 0; -1: ENOMEM, ENOBUFS. */
int weft__count_body(struct weft_http_response *response, uint64_t *bytes);

#endif
