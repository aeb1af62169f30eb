#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LIMIT_USUAL = 16 << 20,
    FIRST_CAPACITY = 256,
};

/* Make room for `length` more bytes and a NUL. */
static bool reserve(struct text *text, size_t length)
{
    size_t limit = text->limit ? text->limit : LIMIT_USUAL;
    if (text->failed || length > limit - text->length) {
        text->failed = true;
        return false;
    }
    if (text->length + length + 1 <= text->capacity) {
        return true;
    }
    size_t capacity = text->capacity ? text->capacity : FIRST_CAPACITY;
    while (capacity < text->length + length + 1) {
        capacity *= 2;
    }
    char *grown = realloc(text->bytes, capacity);
    if (!grown) {
        text->failed = true;
        return false;
    }
    text->bytes = grown;
    text->capacity = capacity;
    return true;
}

bool text_add(struct text *text, const char *bytes, size_t length)
{
    if (!reserve(text, length)) {
        return false;
    }
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    text->bytes[text->length] = '\0';
    return true;
}

bool text_put(struct text *text, const char *string)
{
    return text_add(text, string, strlen(string));
}

bool text_format(struct text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0 || !reserve(text, (size_t)length)) {
        text->failed = true;
        return false;
    }
    va_start(args, format);
    vsnprintf(text->bytes + text->length, (size_t)length + 1, format, args);
    va_end(args);
    text->length += (size_t)length;
    return true;
}

static bool is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte != '"' && byte != '\\';
}

static bool add_escape(struct text *text, unsigned char byte)
{
    static const char SHORT[] = "\"\"\\\\\nn\rr\tt\bb\ff";
    for (const char *pair = SHORT; *pair; pair += 2) {
        if ((unsigned char)*pair == byte) {
            return text_add(text, (char[]){ '\\', pair[1] }, 2);
        }
    }
    return text_format(text, "\\u%04x", byte);
}

bool text_json(struct text *text, const char *bytes, size_t length)
{
    bool added = text_add(text, "\"", 1);
    while (added && length > 0) {
        size_t plain = 0;
        while (plain < length && is_plain((unsigned char)bytes[plain])) {
            plain++;
        }
        added = text_add(text, bytes, plain);
        if (added && plain < length) {
            added = add_escape(text, (unsigned char)bytes[plain]);
            plain++;
        }
        bytes += plain;
        length -= plain;
    }
    return added && text_add(text, "\"", 1);
}

void text_clear(struct text *text)
{
    text->length = 0;
    text->failed = false;
}

void text_free(struct text *text)
{
    free(text->bytes);
    *text = (struct text){ .limit = text->limit };
}

/* Bytes of the character that begins here; 0 if it is none (RFC 3629: no surrogates, no detours).
 */
static size_t utf8_length(const unsigned char *at, size_t length)
{
    if (*at < 0x80) {
        return 1;
    }
    size_t size = *at >= 0xf0 ? 4 : *at >= 0xe0 ? 3 : 2;
    if (*at < 0xc2 || *at > 0xf4 || size > length) {
        return 0;
    }
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool detour = (*at == 0xe0 && at[1] < 0xa0) || (*at == 0xf0 && at[1] < 0x90);
    bool beyond = (*at == 0xed && at[1] > 0x9f) || (*at == 0xf4 && at[1] > 0x8f);
    return detour || beyond ? 0 : size;
}

bool text_is_utf8(const char *bytes, size_t length)
{
    const unsigned char *at = (const unsigned char *)bytes;
    while (length > 0) {
        size_t size = utf8_length(at, length);
        if (size == 0) {
            return false;
        }
        at += size;
        length -= size;
    }
    return true;
}

static bool too_deep(const char *bytes, size_t length)
{
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < length; i++) {
        if (quoted && bytes[i] == '\\') {
            i++;
        } else if (bytes[i] == '"') {
            quoted = !quoted;
        } else if (!quoted && (bytes[i] == '{' || bytes[i] == '[')) {
            if (++depth > JSON_DEPTH_MAX) {
                return true;
            }
        } else if (!quoted && (bytes[i] == '}' || bytes[i] == ']')) {
            depth--;
        }
    }
    return false;
}

cJSON *json_parse(const char *bytes, size_t length)
{
    if (too_deep(bytes, length)) {
        return NULL;
    }
    const char *end;
    cJSON *json = cJSON_ParseWithLengthOpts(bytes, length, &end, 0);
    while (json && end < bytes + length && strchr(" \t\r\n", *end) && *end) {
        end++;
    }
    if (json && end != bytes + length) {
        cJSON_Delete(json);
        return NULL;
    }
    return json;
}
