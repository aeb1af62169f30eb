/* Text that grows up to a limit, and JSON of bounded depth. */
#ifndef APPS_COMMON_TEXT_H
#define APPS_COMMON_TEXT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

/** Text under construction. Zeroed but for `limit`. */
struct text {
    char *bytes;     /**< with a NUL behind them; NULL while there are none */
    size_t length;   /**< before the NUL */
    size_t capacity; /**< bytes allocated */
    size_t limit;    /**< most bytes; 0: no more than 16 MiB */
    bool failed;     /**< something did not fit: nothing more is added */
};

/** Add bytes. false, with `failed` set, when they don't fit or memory is out. */
bool text_add(struct text *text, const char *bytes, size_t length);

/** Add a string up to its NUL. */
bool text_put(struct text *text, const char *string);

/** Add formatted text. */
bool text_format(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Add bytes as a JSON string with its quotes. They are taken to be UTF-8. */
bool text_json(struct text *text, const char *bytes, size_t length);

/** Forget the text, keep its memory. */
void text_clear(struct text *text);

/** Free the text's memory. */
void text_free(struct text *text);

/** Say whether bytes are well-formed UTF-8. */
bool text_is_utf8(const char *bytes, size_t length);

/** Most levels of arrays and objects that json_parse() takes: its parser recurses. */
#define JSON_DEPTH_MAX 32

/** Parse JSON. NULL when it is malformed or nested too deeply. cJSON_Delete() frees it. */
cJSON *json_parse(const char *bytes, size_t length);

#endif
