/*
 * Streaming HTTP on plain blocking code.
 *
 * A handler is an ordinary function that may block as it likes: it parks its own connection only.
 */
#ifndef WEFT_HTTP_H
#define WEFT_HTTP_H

#include <weft/http/body.h>
#include <weft/http/client.h>
#include <weft/http/compress.h>
#include <weft/http/conditional.h>
#include <weft/http/cookie.h>
#include <weft/http/cookies.h>
#include <weft/http/form.h>
#include <weft/http/guard.h>
#include <weft/http/headers.h>
#include <weft/http/internet.h>
#include <weft/http/limit.h>
#include <weft/http/log.h>
#include <weft/http/message.h>
#include <weft/http/metrics.h>
#include <weft/http/middleware.h>
#include <weft/http/router.h>
#include <weft/http/server.h>
#include <weft/http/sse.h>
#include <weft/http/sse_reader.h>
#include <weft/http/static.h>
#include <weft/http/websocket.h>

#endif
