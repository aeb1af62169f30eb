/*
 * Writing messages. Every byte that comes from the application is checked here, last before the
 * wire, so that no value can end its line early and begin a header or a message of its own.
 */
#include "base/fail.h"
#include "proto/http1.h"
#include "proto/http1_scan.h"

const unsigned char weft__http1_token_bytes[256] = {
    ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1, ['*'] = 1, ['+'] = 1,
    ['-'] = 1, ['.'] = 1, ['^'] = 1, ['_'] = 1, ['`'] = 1, ['|'] = 1,  ['~'] = 1, ['0'] = 1,
    ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1, ['5'] = 1, ['6'] = 1,  ['7'] = 1, ['8'] = 1,
    ['9'] = 1, ['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1,  ['F'] = 1, ['G'] = 1,
    ['H'] = 1, ['I'] = 1, ['J'] = 1, ['K'] = 1, ['L'] = 1, ['M'] = 1,  ['N'] = 1, ['O'] = 1,
    ['P'] = 1, ['Q'] = 1, ['R'] = 1, ['S'] = 1, ['T'] = 1, ['U'] = 1,  ['V'] = 1, ['W'] = 1,
    ['X'] = 1, ['Y'] = 1, ['Z'] = 1, ['a'] = 1, ['b'] = 1, ['c'] = 1,  ['d'] = 1, ['e'] = 1,
    ['f'] = 1, ['g'] = 1, ['h'] = 1, ['i'] = 1, ['j'] = 1, ['k'] = 1,  ['l'] = 1, ['m'] = 1,
    ['n'] = 1, ['o'] = 1, ['p'] = 1, ['q'] = 1, ['r'] = 1, ['s'] = 1,  ['t'] = 1, ['u'] = 1,
    ['v'] = 1, ['w'] = 1, ['x'] = 1, ['y'] = 1, ['z'] = 1,
};

bool weft__http1_is_token(struct weft__slice text)
{
    if (text.length == 0)
        return false;
    const char *end = text.data + text.length;
    return weft__http1_token_end(text.data, end) == end;
}

bool weft__http1_is_field_value(struct weft__slice text)
{
    if (text.length == 0)
        return true;
    const char *end = text.data + text.length;
    return weft__http1_text_end(text.data, end) == end;
}

static bool is_target(struct weft__slice target)
{
    if (target.length == 0)
        return false;
    const char *end = target.data + target.length;
    return weft__http1_target_end(target.data, end) == end;
}

/* Append three pieces and the line end, or nothing. */
static int write_line(struct weft__buffer *out, struct weft__slice first, struct weft__slice second,
                      struct weft__slice third)
{
    size_t needed = first.length + second.length + third.length + 2;
    char *at = weft__buffer_reserve(out, needed);

    if (!at)
        return -1;
    at = mempcpy(at, first.data, first.length);
    at = mempcpy(at, second.data, second.length);
    if (third.length > 0)
        at = mempcpy(at, third.data, third.length);
    memcpy(at, "\r\n", 2);
    weft__buffer_added(out, needed);
    return 0;
}

int weft__http1_write_request(struct weft__buffer *out, struct weft__slice method,
                              struct weft__slice target)
{
    size_t before = out->length;

    if (!weft__http1_is_token(method) || !is_target(target))
        return weft__fail(EINVAL);
    if (weft__buffer_append_slice(out, method) < 0)
        return -1;
    if (write_line(out, WEFT__SLICE(" "), target, WEFT__SLICE(" HTTP/1.1")) < 0) {
        out->length = before;
        return -1;
    }
    return 0;
}

int weft__http1_write_status(struct weft__buffer *out, unsigned status, struct weft__slice reason)
{
    char digits[] = "000 ";

    if (status < 100 || status > 999 || !weft__http1_is_field_value(reason))
        return weft__fail(EINVAL);
    if (reason.length == 0)
        reason = weft__slice_string(weft__http1_reason(status));
    digits[0] = (char)('0' + status / 100);
    digits[1] = (char)('0' + status / 10 % 10);
    digits[2] = (char)('0' + status % 10);
    return write_line(out, WEFT__SLICE("HTTP/1.1 "), weft__slice(digits, 4), reason);
}

int weft__http1_write_field(struct weft__buffer *out, struct weft__slice name,
                            struct weft__slice value)
{
    if (!weft__http1_is_token(name) || !weft__http1_is_field_value(value))
        return weft__fail(EINVAL);
    return write_line(out, name, WEFT__SLICE(": "), value);
}

int weft__http1_write_header(struct weft__buffer *out, const char *name, const char *value)
{
    return weft__http1_write_field(out, weft__slice_string(name), weft__slice_string(value));
}

int weft__http1_write_number(struct weft__buffer *out, const char *name, uint64_t number)
{
    char digits[20];
    size_t start = sizeof digits;

    do
        digits[--start] = (char)('0' + number % 10);
    while (number /= 10);
    return weft__http1_write_field(out, weft__slice_string(name),
                                   weft__slice(digits + start, sizeof digits - start));
}

int weft__http1_write_end(struct weft__buffer *out)
{
    return weft__buffer_append(out, "\r\n", 2);
}

size_t weft__http1_chunk_head(char out[WEFT__HTTP1_CHUNK_HEAD], uint64_t size)
{
    size_t digits = 1;

    while (digits < 16 && size >> (4 * digits))
        digits++;
    for (size_t i = 0; i < digits; i++)
        out[i] = "0123456789abcdef"[size >> (4 * (digits - 1 - i)) & 15];
    memcpy(out + digits, "\r\n", 2);
    return digits + 2;
}

int weft__http1_write_chunk(struct weft__buffer *out, struct weft__slice data)
{
    char head[WEFT__HTTP1_CHUNK_HEAD];
    size_t length = weft__http1_chunk_head(head, data.length);

    if (data.length == 0)
        return 0;
    return write_line(out, weft__slice(head, length), data, weft__slice(NULL, 0));
}

int weft__http1_write_last_chunk(struct weft__buffer *out)
{
    return weft__buffer_append(out, "0\r\n\r\n", 5);
}

/* The phrases of the status code registry, sorted by status. */
static const struct {
    unsigned status;
    const char *phrase;
} reasons[] = {
    { 100, "Continue" },
    { 101, "Switching Protocols" },
    { 102, "Processing" },
    { 103, "Early Hints" },
    { 200, "OK" },
    { 201, "Created" },
    { 202, "Accepted" },
    { 203, "Non-Authoritative Information" },
    { 204, "No Content" },
    { 205, "Reset Content" },
    { 206, "Partial Content" },
    { 207, "Multi-Status" },
    { 208, "Already Reported" },
    { 226, "IM Used" },
    { 300, "Multiple Choices" },
    { 301, "Moved Permanently" },
    { 302, "Found" },
    { 303, "See Other" },
    { 304, "Not Modified" },
    { 305, "Use Proxy" },
    { 307, "Temporary Redirect" },
    { 308, "Permanent Redirect" },
    { 400, "Bad Request" },
    { 401, "Unauthorized" },
    { 402, "Payment Required" },
    { 403, "Forbidden" },
    { 404, "Not Found" },
    { 405, "Method Not Allowed" },
    { 406, "Not Acceptable" },
    { 407, "Proxy Authentication Required" },
    { 408, "Request Timeout" },
    { 409, "Conflict" },
    { 410, "Gone" },
    { 411, "Length Required" },
    { 412, "Precondition Failed" },
    { 413, "Content Too Large" },
    { 414, "URI Too Long" },
    { 415, "Unsupported Media Type" },
    { 416, "Range Not Satisfiable" },
    { 417, "Expectation Failed" },
    { 421, "Misdirected Request" },
    { 422, "Unprocessable Content" },
    { 423, "Locked" },
    { 424, "Failed Dependency" },
    { 425, "Too Early" },
    { 426, "Upgrade Required" },
    { 428, "Precondition Required" },
    { 429, "Too Many Requests" },
    { 431, "Request Header Fields Too Large" },
    { 451, "Unavailable For Legal Reasons" },
    { 500, "Internal Server Error" },
    { 501, "Not Implemented" },
    { 502, "Bad Gateway" },
    { 503, "Service Unavailable" },
    { 504, "Gateway Timeout" },
    { 505, "HTTP Version Not Supported" },
    { 506, "Variant Also Negotiates" },
    { 507, "Insufficient Storage" },
    { 508, "Loop Detected" },
    { 511, "Network Authentication Required" },
};

const char *weft__http1_reason(unsigned status)
{
    size_t low = 0, high = sizeof reasons / sizeof *reasons;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (reasons[middle].status == status)
            return reasons[middle].phrase;
        if (reasons[middle].status < status)
            low = middle + 1;
        else
            high = middle;
    }
    return "";
}
