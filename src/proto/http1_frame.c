/*
 * What the fields say about the message itself: whom it is for, where it ends, whether the
 * connection lives on (RFC 9110 sections 7.2, 7.6, 7.8, 10.1.1; RFC 9112 sections 3.2, 6 and 9.3).
 *
 * Nothing is repaired. A second Host, Content-Length or Transfer-Encoding is refused even when it
 * repeats the first, and no coding but `chunked` alone is understood: two machines that read a
 * message in two ways is what request smuggling needs.
 */
#include <errno.h>

#include "proto/http1_internal.h"
#include "proto/url.h"

/* The second sight of a field that may stand only once. */
static enum weft__http1_result note_once(struct weft__http1_head *head, unsigned bit,
                                         enum weft__http1_error error, struct weft__slice *place,
                                         struct weft__slice value)
{
    if (head->seen & bit)
        return weft__http1_refuse(head, error);
    head->seen |= (uint16_t)bit;
    *place = value;
    return WEFT__HTTP1_DONE;
}

static enum weft__http1_result note_connection(struct weft__http1_head *head,
                                               struct weft__slice value)
{
    struct weft__slice option;

    if (value.length == 10 && weft__slice_is_case(value, "keep-alive")) { /* nearly always */
        head->seen |= WEFT__HTTP1_SEEN_KEEP_ALIVE;
        return WEFT__HTTP1_DONE;
    }
    while (weft__slice_list(&value, &option)) {
        if (weft__slice_is_case(option, "close"))
            head->seen |= WEFT__HTTP1_SEEN_CLOSE;
        else if (weft__slice_is_case(option, "keep-alive"))
            head->seen |= WEFT__HTTP1_SEEN_KEEP_ALIVE;
        else if (weft__slice_is_case(option, "upgrade"))
            head->seen |= WEFT__HTTP1_SEEN_UPGRADE_OPTION;
    }
    return WEFT__HTTP1_DONE;
}

static enum weft__http1_result note_length(struct weft__http1_head *head, struct weft__slice value)
{
    uint64_t number = 0;

    if (head->seen & WEFT__HTTP1_SEEN_LENGTH)
        return weft__http1_refuse(head, WEFT__HTTP1_LENGTH_DUPLICATE);
    head->seen |= WEFT__HTTP1_SEEN_LENGTH;
    if (weft__parse_decimal(value, &number) < 0)
        return weft__http1_refuse(head, errno == ERANGE ? WEFT__HTTP1_LENGTH_OVERFLOW
                                                        : WEFT__HTTP1_LENGTH_INVALID);
    if (number > INT64_MAX)
        return weft__http1_refuse(head, WEFT__HTTP1_LENGTH_OVERFLOW);
    head->content_length = number;
    head->has_content_length = true;
    return WEFT__HTTP1_DONE;
}

/* Does a name spell `lower`, of the same length? Most that do not differ in the first letter. */
static inline bool spells(struct weft__slice name, const char *lower)
{
    if ((name.data[0] | 0x20) != lower[0])
        return false;
    for (size_t i = 1; i < name.length; i++) {
        if (weft__lower(name.data[i]) != lower[i])
            return false;
    }
    return true;
}

static enum weft__http1_result note_message_field(struct weft__http1_head *head,
                                                  struct weft__slice name, struct weft__slice value)
{
    switch (name.length) {
    case 4:
        if (head->kind == WEFT__HTTP1_REQUEST && spells(name, "host"))
            return note_once(head, WEFT__HTTP1_SEEN_HOST, WEFT__HTTP1_HOST_DUPLICATE, &head->host,
                             value);
        break;
    case 6:
        if (spells(name, "expect"))
            return note_once(head, WEFT__HTTP1_SEEN_EXPECT, WEFT__HTTP1_EXPECTATION, &head->expect,
                             value);
        break;
    case 7:
        if (!head->upgrade.data && spells(name, "upgrade"))
            head->upgrade = value;
        break;
    case 10:
        if (spells(name, "connection"))
            return note_connection(head, value);
        break;
    case 14:
        if (spells(name, "content-length"))
            return note_length(head, value);
        break;
    case 17:
        if (spells(name, "transfer-encoding"))
            return note_once(head, WEFT__HTTP1_SEEN_CODING, WEFT__HTTP1_CODING_DUPLICATE,
                             &head->coding, value);
        break;
    }
    return WEFT__HTTP1_DONE;
}

/* Trailers come too late to say where the message ends or whom it is for. */
static enum weft__http1_result note_trailer(struct weft__http1_head *head, struct weft__slice name)
{
    static const char *const forbidden[] = {
        "transfer-encoding", "content-length", "host", "connection", "trailer", "upgrade", "expect"
    };

    for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++) {
        if (weft__slice_is_case(name, forbidden[i]))
            return weft__http1_refuse(head, WEFT__HTTP1_TRAILER_FIELD);
    }
    return WEFT__HTTP1_DONE;
}

enum weft__http1_result weft__http1_note_field(struct weft__http1_head *head,
                                               const struct weft__http1_field *field)
{
    if (head->kind == WEFT__HTTP1_TRAILERS)
        return note_trailer(head, field->name);
    return note_message_field(head, field->name, field->value);
}

/* A Transfer-Encoding that is not `chunked` and nothing else. */
static enum weft__http1_result refuse_coding(struct weft__http1_head *head)
{
    struct weft__slice rest = head->coding, coding, last = { NULL, 0 };
    unsigned chunked = 0;
    bool empty = false;

    while (weft__slice_split(&rest, ',', &coding)) {
        last = weft__slice_trim(coding);
        chunked += weft__slice_is_case(last, "chunked");
        empty |= last.length == 0;
    }
    bool proper = chunked == 1 && !empty && weft__slice_is_case(last, "chunked");
    return weft__http1_refuse(head,
                              proper ? WEFT__HTTP1_CODING_UNKNOWN : WEFT__HTTP1_CODING_INVALID);
}

/* Faults that are the same for requests and responses; the order of the fields plays no part. */
static enum weft__http1_result check_framing(struct weft__http1_head *head)
{
    if (!(head->seen & WEFT__HTTP1_SEEN_CODING))
        return WEFT__HTTP1_DONE;
    if (head->seen & WEFT__HTTP1_SEEN_LENGTH)
        return weft__http1_refuse(head, WEFT__HTTP1_LENGTH_AND_CODING);
    if (head->minor == 0)
        return weft__http1_refuse(head, WEFT__HTTP1_CODING_IN_HTTP10);
    if (!weft__slice_is_case(head->coding, "chunked"))
        return refuse_coding(head);
    return WEFT__HTTP1_DONE;
}

static enum weft__http1_framing told_framing(const struct weft__http1_head *head,
                                             enum weft__http1_framing otherwise)
{
    if (head->seen & WEFT__HTTP1_SEEN_CODING)
        return WEFT__HTTP1_BODY_CHUNKED;
    return head->has_content_length ? WEFT__HTTP1_BODY_LENGTH : otherwise;
}

static enum weft__http1_result conclude_host(struct weft__http1_head *head)
{
    struct weft__url_authority authority;

    if (!(head->seen & WEFT__HTTP1_SEEN_HOST)) {
        if (head->minor > 0)
            return weft__http1_refuse(head, WEFT__HTTP1_HOST_MISSING);
        return WEFT__HTTP1_DONE;
    }
    if (head->host.length > 0 && weft__url_authority_parse(head->host, &authority) < 0)
        return weft__http1_refuse(head, WEFT__HTTP1_HOST_INVALID);
    if (!head->authority.data) /* an absolute target overrules Host, RFC 9112 section 3.2.2 */
        head->authority = head->host;
    return WEFT__HTTP1_DONE;
}

static enum weft__http1_result conclude_request(struct weft__http1_head *head)
{
    bool bodiless =
        weft__slice_is(head->method, "CONNECT") || weft__slice_is(head->method, "TRACE");

    if (conclude_host(head) < 0 || check_framing(head) < 0)
        return WEFT__HTTP1_ERROR;
    head->framing = told_framing(head, WEFT__HTTP1_BODY_NONE);
    if (bodiless && (head->framing == WEFT__HTTP1_BODY_CHUNKED || head->content_length > 0))
        return weft__http1_refuse(head, WEFT__HTTP1_BODY_FORBIDDEN);
    if ((head->seen & WEFT__HTTP1_SEEN_EXPECT) && head->minor > 0) {
        if (!weft__slice_is_case(head->expect, "100-continue"))
            return weft__http1_refuse(head, WEFT__HTTP1_EXPECTATION);
        head->expect_continue =
            head->framing == WEFT__HTTP1_BODY_CHUNKED || head->content_length > 0;
    }
    return WEFT__HTTP1_DONE;
}

/* RFC 9112 section 6.3: some answers have no body whatever their fields say. */
static enum weft__http1_result conclude_response(struct weft__http1_head *head)
{
    bool success = head->status >= 200 && head->status < 300;
    bool bodiless =
        head->answers_head || head->status < 200 || head->status == 204 || head->status == 304;

    if (check_framing(head) < 0)
        return WEFT__HTTP1_ERROR;
    if (head->status == 101 || (head->answers_connect && success))
        head->framing = WEFT__HTTP1_BODY_TUNNEL;
    else
        head->framing =
            bodiless ? WEFT__HTTP1_BODY_NONE : told_framing(head, WEFT__HTTP1_BODY_CLOSE);
    return WEFT__HTTP1_DONE;
}

/* RFC 9112 section 9.3. */
static bool persists(const struct weft__http1_head *head)
{
    if (head->framing == WEFT__HTTP1_BODY_CLOSE || head->framing == WEFT__HTTP1_BODY_TUNNEL)
        return false;
    if (head->seen & WEFT__HTTP1_SEEN_CLOSE)
        return false;
    return head->minor > 0 || (head->seen & WEFT__HTTP1_SEEN_KEEP_ALIVE);
}

enum weft__http1_result weft__http1_conclude(struct weft__http1_head *head)
{
    if (head->kind == WEFT__HTTP1_TRAILERS)
        return WEFT__HTTP1_DONE;
    enum weft__http1_result result =
        head->kind == WEFT__HTTP1_REQUEST ? conclude_request(head) : conclude_response(head);
    if (result != WEFT__HTTP1_DONE)
        return result;
    head->keep_alive = persists(head);
    if (head->minor == 0 || !(head->seen & WEFT__HTTP1_SEEN_UPGRADE_OPTION))
        head->upgrade = weft__slice(NULL, 0);
    return WEFT__HTTP1_DONE;
}
