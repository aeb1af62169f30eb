#include "http/conditional.h"

#include <string.h>
#include <time.h>

#include "base/fail.h"
#include "http/headers.h"
#include "http/middleware.h"
#include "proto/http_date.h"

static struct weft__slice opaque(struct weft__slice tag)
{
    return weft__slice_starts(tag, "W/") ? weft__slice(tag.data + 2, tag.length - 2) : tag;
}

/* RFC 9110, 8.8.3.2. */
static bool same(struct weft__slice a, struct weft__slice b, bool strong)
{
    bool weak = weft__slice_starts(a, "W/") || weft__slice_starts(b, "W/");
    return !(strong && weak) && weft__slice_equal(opaque(a), opaque(b));
}

/* Whether a list of tags, in all lines of a field, has one: 1, 0; -1: there is no such field. */
static int lists(const struct weft_http_request *request, const char *name,
                 const struct weft_http_validators *validators, bool strong)
{
    const struct weft_http_headers *headers = &request->headers;
    const char *etag = validators->etag;
    int found = -1;
    for (size_t i = 0; i < headers->count; i++) {
        struct weft__slice rest = weft__field_value(&headers->fields[i]);
        struct weft__slice tag;
        if (!weft__slice_is_case(weft__field_name(&headers->fields[i]), name)) {
            continue;
        }
        found = found < 0 ? 0 : found;
        while (weft__slice_list(&rest, &tag)) {
            bool any = weft__slice_is(tag, "*") && !validators->missing;
            if (any || (etag && same(tag, weft__slice_string(etag), strong))) {
                found = 1;
            }
        }
    }
    return found;
}

/* Whether it was modified after the time of a field: 1, 0; -1: no such field, or none that counts.
 */
static int modified_since(const struct weft_http_request *request, const char *name,
                          const struct weft_http_validators *validators)
{
    const char *text = weft_http_headers_get(&request->headers, name);
    int64_t since;
    if (!text || validators->modified == 0 ||
        weft__http_date_parse(weft__slice_string(text), time(NULL), &since) < 0) {
        return -1;
    }
    return validators->modified > since;
}

int weft__conditions_status(const struct weft_http_request *request,
                            const struct weft_http_validators *validators)
{
    bool reads = strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
    int match = lists(request, "if-match", validators, true);
    if (match == 0) {
        return 412;
    }
    if (match < 0 && modified_since(request, "if-unmodified-since", validators) == 1) {
        return 412;
    }
    int none = lists(request, "if-none-match", validators, false);
    if (none == 1) {
        return reads ? 304 : 412;
    }
    if (none < 0 && reads && modified_since(request, "if-modified-since", validators) == 0) {
        return 304;
    }
    return 0;
}

static bool is_etag(const char *text)
{
    text += strncmp(text, "W/", 2) == 0 ? 2 : 0;
    size_t length = strlen(text);
    return length >= 2 && text[0] == '"' && strchr(text + 1, '"') == text + length - 1;
}

int weft_http_conditional(struct weft_http_request *request, struct weft_http_response *response,
                          const struct weft_http_validators *validators)
{
    struct weft_http_headers *headers = &response->headers;
    char date[WEFT__HTTP_DATE];
    if (validators->etag && !is_etag(validators->etag)) {
        return weft__fail(EINVAL);
    }
    if (validators->etag && weft_http_headers_set(headers, "etag", validators->etag) < 0) {
        return -1;
    }
    weft__http_date_format(validators->modified, date);
    if (validators->modified != 0 && weft_http_headers_set(headers, "last-modified", date) < 0) {
        return -1;
    }
    int status = weft__conditions_status(request, validators);
    if (status == 412) {
        return weft__refuse(response, 412, "It has changed meanwhile.") < 0 ? -1 : 1;
    }
    response->status = status ? status : response->status;
    return status != 0;
}
