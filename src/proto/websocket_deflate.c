/*
 * permessage-deflate (RFC 7692): what a client offers, and what a server makes of it.
 *
 * An offer that breaks a rule, or that asks for what zlib can't do (a window of 256 bytes for what
 * we send), is passed over, and the next one is looked at.
 */
#include "base/fail.h"
#include "proto/websocket.h"

enum {
    LEAST_BITS = 8,
    MOST_BITS = 15,
    LEAST_BITS_SENT = 9, /* zlib's */
};

/* One offer; bits are 0 when they are not told. */
struct offer {
    bool server_no_takeover;
    bool client_no_takeover;
    bool client_may_limit; /* client_max_window_bits is there, maybe without a value */
    uint8_t server_bits;
    uint8_t client_bits;
};

static struct weft__slice unquote(struct weft__slice value)
{
    if (value.length >= 2 && value.data[0] == '"' && value.data[value.length - 1] == '"') {
        return weft__slice(value.data + 1, value.length - 2);
    }
    return value;
}

/* 8 to 15, without leading zeros. */
static bool parse_bits(struct weft__slice value, uint8_t *bits)
{
    uint64_t number;
    value = unquote(value);
    if (value.length == 0 || value.data[0] == '0' || weft__parse_decimal(value, &number) < 0 ||
        number < LEAST_BITS || number > MOST_BITS) {
        return false;
    }
    *bits = (uint8_t)number;
    return true;
}

static bool set_once(bool *flag, bool has_value)
{
    if (*flag || has_value) {
        return false;
    }
    *flag = true;
    return true;
}

static bool take_parameter(struct offer *offer, struct weft__slice text)
{
    size_t at = weft__slice_find(text, '=');
    bool has_value = at < text.length;
    struct weft__slice name = weft__slice_trim(weft__slice(text.data, at));
    struct weft__slice value =
        has_value ? weft__slice_trim(weft__slice(text.data + at + 1, text.length - at - 1))
                  : weft__slice("", 0);
    if (weft__slice_is_case(name, "server_no_context_takeover")) {
        return set_once(&offer->server_no_takeover, has_value);
    }
    if (weft__slice_is_case(name, "client_no_context_takeover")) {
        return set_once(&offer->client_no_takeover, has_value);
    }
    if (weft__slice_is_case(name, "server_max_window_bits")) {
        return !offer->server_bits && has_value && parse_bits(value, &offer->server_bits);
    }
    if (weft__slice_is_case(name, "client_max_window_bits")) {
        return set_once(&offer->client_may_limit, false) &&
               (!has_value || parse_bits(value, &offer->client_bits));
    }
    return false;
}

/* False if it is another extension, or breaks a rule. */
static bool parse_offer(struct offer *offer, struct weft__slice text)
{
    struct weft__slice piece;
    *offer = (struct offer){ 0 };
    if (!weft__slice_split(&text, ';', &piece) ||
        !weft__slice_is_case(weft__slice_trim(piece), "permessage-deflate")) {
        return false;
    }
    while (weft__slice_split(&text, ';', &piece)) {
        if (!take_parameter(offer, weft__slice_trim(piece))) {
            return false;
        }
    }
    return true;
}

static uint8_t smaller(uint8_t bits, uint8_t limit)
{
    return limit && limit < bits ? limit : bits;
}

static bool agree(const struct offer *offer, const struct weft__websocket_deflate *wanted,
                  struct weft__websocket_deflate *agreed)
{
    if (offer->server_bits && offer->server_bits < LEAST_BITS_SENT) {
        return false;
    }
    *agreed = (struct weft__websocket_deflate){
        .server_takeover = wanted->server_takeover && !offer->server_no_takeover,
        .client_takeover = wanted->client_takeover && !offer->client_no_takeover,
        .tell_bits = offer->server_bits != 0,
        .server_bits = smaller(wanted->server_bits, offer->server_bits),
        .client_bits = MOST_BITS,
    };
    if (offer->client_may_limit) {
        agreed->client_bits = smaller(wanted->client_bits, offer->client_bits);
    }
    return true;
}

bool weft__websocket_deflate_choose(struct weft__slice offers,
                                    const struct weft__websocket_deflate *wanted,
                                    struct weft__websocket_deflate *agreed)
{
    struct weft__slice text;
    struct offer offer;
    while (weft__slice_list(&offers, &text)) {
        if (parse_offer(&offer, text) && agree(&offer, wanted, agreed)) {
            return true;
        }
    }
    return false;
}

int weft__websocket_deflate_write(struct weft__buffer *out,
                                  const struct weft__websocket_deflate *agreed)
{
    if (weft__buffer_appendf(out, "permessage-deflate%s%s",
                             agreed->server_takeover ? "" : "; server_no_context_takeover",
                             agreed->client_takeover ? "" : "; client_no_context_takeover") < 0) {
        return -1;
    }
    if ((agreed->tell_bits || agreed->server_bits < MOST_BITS) &&
        weft__buffer_appendf(out, "; server_max_window_bits=%u", agreed->server_bits) < 0) {
        return -1;
    }
    return agreed->client_bits < MOST_BITS
               ? weft__buffer_appendf(out, "; client_max_window_bits=%u", agreed->client_bits)
               : 0;
}
