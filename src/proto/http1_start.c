/* Request lines and status lines (RFC 9112 sections 3 and 4). */
#include "proto/http1_internal.h"
#include "proto/http1_scan.h"
#include "proto/url.h"

enum {
    VERSION = sizeof "HTTP/1.1" - 1
};

/* `HTTP/` digit `.` digit, case and all, major 1. */
static enum weft__http1_result parse_version(struct weft__http1_head *head,
                                             struct weft__slice version)
{
    const char *at = version.data;

    if (version.length != VERSION || memcmp(at, "HTTP/", 5) != 0 || !weft__is_digit(at[5]) ||
        at[6] != '.' || !weft__is_digit(at[7]))
        return weft__http1_refuse(head, WEFT__HTTP1_VERSION_SYNTAX);
    if (at[5] != '1')
        return weft__http1_refuse(head, WEFT__HTTP1_VERSION_UNSUPPORTED);
    head->minor = (unsigned)(at[7] - '0');
    return WEFT__HTTP1_DONE;
}

static bool is_authority_target(struct weft__slice target)
{
    struct weft__url_authority authority;
    return weft__url_authority_parse(target, &authority) == 0 && authority.port != 0;
}

/* Which form a target has; false when it is none, or none that the method may use. */
static bool target_form(struct weft__http1_head *head)
{
    struct weft__url_target parts;

    if (weft__slice_is(head->method, "CONNECT")) {
        head->target_form = WEFT__HTTP1_TARGET_AUTHORITY;
        head->authority = head->target;
        return is_authority_target(head->target);
    }
    if (head->target.data[0] == '/') {
        head->target_form = WEFT__HTTP1_TARGET_ORIGIN;
        return true;
    }
    if (weft__slice_is(head->target, "*")) {
        head->target_form = WEFT__HTTP1_TARGET_ASTERISK;
        return weft__slice_is(head->method, "OPTIONS");
    }
    if (weft__url_target_parse(head->target, &parts) < 0)
        return false;
    head->target_form = WEFT__HTTP1_TARGET_ABSOLUTE;
    head->authority = parts.authority;
    return true;
}

/*
 * A line that is not `method SP target SP version`: say why. Two parts are HTTP/0.9, which is told
 * apart because scanners look for it.
 */
static enum weft__http1_result refuse_line(struct weft__http1_head *head, struct weft__slice line,
                                           size_t method)
{
    struct weft__slice rest = weft__slice(line.data + method + 1, line.length - method - 1);
    size_t space = weft__slice_find(rest, ' ');
    struct weft__slice version = weft__slice(rest.data + space, rest.length - space);

    if (space == rest.length)
        return weft__http1_refuse(
            head, space > 0 && rest.data[0] == '/' ? WEFT__HTTP1_HTTP09 : WEFT__HTTP1_REQUEST_LINE);
    if (space == 0 || weft__slice_find(weft__slice(version.data + 1, version.length - 1), ' ') + 1 <
                          version.length)
        return weft__http1_refuse(head, WEFT__HTTP1_REQUEST_LINE);
    return weft__http1_refuse(head, WEFT__HTTP1_TARGET);
}

enum weft__http1_result weft__http1_request_line(struct weft__http1_head *head, const char *data,
                                                 size_t length)
{
    const char *end = data + length;
    const char *method = weft__http1_token_end(data, end);
    size_t method_length = (size_t)(method - data);

    if (method < end && *method != ' ')
        return weft__http1_refuse(head, WEFT__HTTP1_METHOD);
    if (method == end || method == data)
        return weft__http1_refuse(head, WEFT__HTTP1_REQUEST_LINE);
    const char *target = method + 1;
    const char *space = weft__http1_target_end(target, end);
    size_t rest = (size_t)(end - space);
    if (space == target || rest == 0 || *space != ' ' || memchr(space + 1, ' ', rest - 1))
        return refuse_line(head, weft__slice(data, length), method_length);
    head->method = weft__slice(data, method_length);
    head->target = weft__slice(target, (size_t)(space - target));
    if (parse_version(head, weft__slice(space + 1, rest - 1)) < 0)
        return WEFT__HTTP1_ERROR;
    if (!target_form(head))
        return weft__http1_refuse(head, WEFT__HTTP1_TARGET_FORM);
    return WEFT__HTTP1_DONE;
}

static enum weft__http1_result parse_status(struct weft__http1_head *head, const char *digits)
{
    unsigned status = 0;

    for (int i = 0; i < 3; i++) {
        if (!weft__is_digit(digits[i]))
            return weft__http1_refuse(head, WEFT__HTTP1_STATUS_CODE);
        status = status * 10 + (unsigned)(digits[i] - '0');
    }
    if (status < 100)
        return weft__http1_refuse(head, WEFT__HTTP1_STATUS_CODE);
    head->status = status;
    return WEFT__HTTP1_DONE;
}

/*
 * `HTTP/1.1 200 OK`. The space behind the status may be missing together with the reason: many
 * servers leave it out, and the reason means nothing.
 */
enum weft__http1_result weft__http1_status_line(struct weft__http1_head *head, const char *data,
                                                size_t length)
{
    enum {
        STATUS = VERSION + 1,
        REASON = STATUS + 3
    };
    struct weft__slice line = weft__slice(data, length);
    size_t space = weft__slice_find(line, ' ');

    if (!weft__slice_starts(line, "HTTP/"))
        return weft__http1_refuse(head, WEFT__HTTP1_STATUS_LINE);
    if (parse_version(head, weft__slice(data, space)) < 0)
        return WEFT__HTTP1_ERROR;
    if (length < REASON || (length > REASON && data[REASON] != ' '))
        return weft__http1_refuse(head, WEFT__HTTP1_STATUS_LINE);
    if (parse_status(head, data + STATUS) < 0)
        return WEFT__HTTP1_ERROR;
    if (length > REASON)
        head->reason = weft__slice(data + REASON + 1, length - REASON - 1);
    return WEFT__HTTP1_DONE;
}
