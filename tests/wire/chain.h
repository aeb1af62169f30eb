/* A handler behind middleware, and what it answers to single requests. */
#ifndef TESTS_WIRE_CHAIN_H
#define TESTS_WIRE_CHAIN_H

#include "wire.h"

static char chain_answer[WIRE_ANSWER];

/** Start a server for a chain that was made. */
__attribute__((unused)) static void chain_start(struct wire *wire, struct weft_http_handler *chain)
{
    must(chain, "making the chain: %s", weft_error() ? weft_error()->message : strerror(errno));
    wire_start(wire, (struct weft_http_options){ .handler = chain });
}

__attribute__((unused)) static void chain_stop(struct wire *wire, struct weft_http_handler *chain)
{
    wire_stop(wire);
    weft_http_middleware_free(chain);
}

/** The whole answer to one request, on a connection of its own. `fields` end with CRLF each. */
__attribute__((unused, format(printf, 4, 5))) static const char *
ask(const struct wire *wire, const char *method, const char *target, const char *fields, ...)
{
    char bytes[8192];
    char more[4096];
    va_list args;
    va_start(args, fields);
    vsnprintf(more, sizeof(more), fields, args);
    va_end(args);
    int length =
        snprintf(bytes, sizeof(bytes), "%s %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n%s\r\n",
                 method, target, more);
    wire_exchange(wire, bytes, (size_t)length, chain_answer, sizeof(chain_answer));
    return chain_answer;
}

/** True if an answer's head has a line. */
__attribute__((unused)) static bool has(const char *answer, const char *line)
{
    char whole[1024];
    snprintf(whole, sizeof(whole), "\r\n%s\r\n", line);
    const char *found = strstr(answer, whole);
    const char *end = strstr(answer, "\r\n\r\n");
    return found && end && found <= end;
}

/** True if an answer's head names a field. */
__attribute__((unused)) static bool names(const char *answer, const char *name)
{
    char start[128];
    snprintf(start, sizeof(start), "\r\n%s: ", name);
    const char *found = strstr(answer, start);
    const char *end = strstr(answer, "\r\n\r\n");
    return found && end && found < end;
}

#endif
