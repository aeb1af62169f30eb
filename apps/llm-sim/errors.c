/* Errors as OpenAI sends them, which its client libraries turn into exceptions of their own. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sim.h"

static bool put_or_null(struct text *text, const char *string)
{
    return string ? text_json(text, string, strlen(string)) : text_put(text, "null");
}

__attribute__((format(printf, 6, 0))) static int error_of(struct weft_http_response *response,
                                                          int status, const char *type,
                                                          const char *param, const char *code,
                                                          const char *message, va_list args)
{
    char sentence[512];
    vsnprintf(sentence, sizeof(sentence), message, args);
    struct text body = { 0 };
    text_put(&body, "{\"error\":{\"message\":");
    text_json(&body, sentence, strlen(sentence));
    text_put(&body, ",\"type\":");
    put_or_null(&body, type);
    text_put(&body, ",\"param\":");
    put_or_null(&body, param);
    text_put(&body, ",\"code\":");
    put_or_null(&body, code);
    text_put(&body, "}}\n");
    int result = body.failed ? -1
                             : weft_http_response_bytes(response, status, "application/json",
                                                        body.bytes, body.length);
    text_free(&body);
    return result;
}

int sim_error(struct weft_http_response *response, int status, const char *type, const char *param,
              const char *code, const char *message, ...)
{
    va_list args;
    va_start(args, message);
    int result = error_of(response, status, type, param, code, message, args);
    va_end(args);
    return result;
}

int sim_refuse(struct weft_http_response *response, const char *param, const char *message, ...)
{
    va_list args;
    va_start(args, message);
    int result = error_of(response, 400, "invalid_request_error", param, NULL, message, args);
    va_end(args);
    return result;
}
