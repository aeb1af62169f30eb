#ifndef WEFT_HTTP_CONDITIONS_H
#define WEFT_HTTP_CONDITIONS_H

#include <weft/http/conditional.h>

/** The status that a request's conditions lead to, 304 or 412; 0: none. RFC 9110, 13.2.2. */
int weft__conditions_status(const struct weft_http_request *request,
                            const struct weft_http_validators *validators);

#endif
