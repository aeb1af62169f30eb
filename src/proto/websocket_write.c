/* Writing frames, and the small rules of the handshake and the close. */
#include <string.h>

#include "base/fail.h"
#include "proto/websocket.h"

static size_t put_length(uint8_t *out, uint64_t length, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        out[i] = (uint8_t)(length >> 8 * (bytes - 1 - i));
    }
    return bytes;
}

size_t weft__websocket_head_write(uint8_t out[WEFT__WEBSOCKET_HEAD_MAX],
                                  const struct weft__websocket_head *head)
{
    size_t used = 2;
    out[0] = (uint8_t)((head->more ? 0 : 0x80) | (head->compressed ? 0x40 : 0) | head->opcode);
    if (head->length < 126) {
        out[1] = (uint8_t)head->length;
    } else if (head->length <= UINT16_MAX) {
        out[1] = 126;
        used += put_length(out + 2, head->length, 2);
    } else {
        out[1] = 127;
        used += put_length(out + 2, head->length, 8);
    }
    if (head->mask) {
        out[1] |= 0x80;
        memcpy(out + used, head->mask, 4);
        used += 4;
    }
    return used;
}

/* 1004 to 1006 and 1015 are for reports, below 3000 the rest is the standard's to give out. */
bool weft__websocket_code_valid(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

int weft__websocket_close_write(uint8_t out[WEFT__WEBSOCKET_CONTROL_MAX], unsigned code,
                                struct weft__slice reason)
{
    if (code == 0 && reason.length == 0) {
        return 0;
    }
    if (!weft__websocket_code_valid(code)) {
        return weft__fail(EINVAL);
    }
    if (reason.length > WEFT__WEBSOCKET_REASON_MAX) {
        return weft__fail(EMSGSIZE);
    }
    if (!weft__utf8_valid(reason.data, reason.length)) {
        return weft__fail(EILSEQ);
    }
    put_length(out, code, 2);
    if (reason.length) {
        memcpy(out + 2, reason.data, reason.length);
    }
    return (int)reason.length + 2;
}

static bool is_base64(char byte)
{
    char lower = weft__lower(byte);
    return (lower >= 'a' && lower <= 'z') || weft__is_digit(byte) || byte == '+' || byte == '/';
}

bool weft__websocket_key_valid(struct weft__slice key)
{
    if (key.length != WEFT__WEBSOCKET_KEY || memcmp(key.data + 22, "==", 2) != 0) {
        return false;
    }
    for (size_t i = 0; i < 22; i++) {
        if (!is_base64(key.data[i])) {
            return false;
        }
    }
    return true;
}
