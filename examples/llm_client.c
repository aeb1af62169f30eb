/*
 * A chat with a large language model, answered token by token: plain blocking libcurl.
 *
 * Speaks OpenAI's Chat Completions, as most providers do. The answer is a stream of Server-Sent
 * Events, each with a piece of text in JSON:
 *
 *      libcurl --bytes--> lines --data lines--> events --cJSON--> on_token(text)
 *
 * Nothing here knows of fibers. The call blocks its thread in an ordinary program; in a program
 * linked with libweft it parks a fiber, and one thread has a thousand such calls under way.
 *
 * An answer that ends early or is malformed is an error, whatever came before it.
 */
#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/**
 * Ask a model and hand its answer over as it comes.
 *
 * @param base_url      Such as "https://api.openai.com/v1".
 * @param api_key       NULL or "": none is sent.
 * @param request_json  The request's body, with "stream": true.
 * @param on_token      Gets each piece of text, with a NUL behind it, and an empty one when nothing
 *                      more is at hand: the moment to flush. Not 0 ends the call.
 * @param context       Handed to it.
 * @param error         Set to what went wrong, in one line.
 * @param error_size    Bytes of room there.
 * @return              0 once the answer is complete; 1 on_token ended it; -1 otherwise.
 */
int llm_stream(const char *base_url, const char *api_key, const char *request_json,
               int (*on_token)(void *context, const char *text, size_t length), void *context,
               char *error, size_t error_size);

enum {
    EVENT_MAX = 8 << 20,   /* bytes of one event, or of an error's body */
    DEPTH_MAX = 64,        /* nesting of JSON: its parser recurses, and a fiber's stack is small */
    CONNECT_SECONDS = 10,  /* to reach the provider */
    SILENCE_SECONDS = 120, /* without a byte until the call fails */
};

struct text {
    char *bytes; /* with a NUL behind them, once there are any */
    size_t length;
    size_t capacity;
};

struct answer {
    int (*on_token)(void *context, const char *text, size_t length);
    void *context;
    char *error;
    size_t error_size;
    CURL *curl;
    struct text line;  /* the line that has begun */
    struct text event; /* the data lines of the event that has begun */
    bool after_cr;     /* a LF right behind belongs to the CR */
    bool handed_over;  /* text since the last flush */
    bool complete;     /* "[DONE]" or a finish reason has come */
    bool stopped;      /* by on_token */
    bool failed;       /* error is set */
};

__attribute__((format(printf, 2, 3))) static bool fail(struct answer *answer, const char *format,
                                                       ...)
{
    if (!answer->failed && answer->error_size > 0) {
        va_list args;
        va_start(args, format);
        vsnprintf(answer->error, answer->error_size, format, args);
        va_end(args);
    }
    answer->failed = true;
    return false;
}

static bool append(struct answer *answer, struct text *text, const char *bytes, size_t length)
{
    if (length > EVENT_MAX - text->length) {
        return fail(answer, "the provider sent an event of more than %d bytes", EVENT_MAX);
    }
    if (text->capacity < text->length + length + 1) {
        size_t capacity = text->capacity ? text->capacity * 2 : 512;
        while (capacity < text->length + length + 1) {
            capacity *= 2;
        }
        char *grown = realloc(text->bytes, capacity);
        if (!grown) {
            return fail(answer, "out of memory");
        }
        text->bytes = grown;
        text->capacity = capacity;
    }
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    text->bytes[text->length] = '\0';
    return true;
}

static bool too_deep(const char *json)
{
    int depth = 0;
    bool quoted = false;
    for (const char *c = json; *c; c++) {
        if (quoted) {
            if (*c == '\\' && c[1]) {
                c++;
            } else if (*c == '"') {
                quoted = false;
            }
        } else if (*c == '"') {
            quoted = true;
        } else if (*c == '{' || *c == '[') {
            if (++depth > DEPTH_MAX) {
                return true;
            }
        } else if (*c == '}' || *c == ']') {
            depth--;
        }
    }
    return false;
}

static cJSON *parse_json(const char *json)
{
    return too_deep(json) ? NULL : cJSON_Parse(json);
}

/* OpenAI's {"error":{"message"}}, others' {"error":"…"} and {"object":"error","message":"…"}. */
static const char *error_text(const cJSON *json)
{
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(json, "error");
    const cJSON *message = cJSON_GetObjectItemCaseSensitive(error, "message");
    const char *object = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "object"));
    if (cJSON_IsString(message)) {
        return message->valuestring;
    }
    if (cJSON_IsString(error)) {
        return error->valuestring;
    }
    if (object && strcmp(object, "error") == 0) {
        return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "message"));
    }
    return error && !cJSON_IsNull(error) ? "an error without a message" : NULL;
}

static bool hand_over(struct answer *answer, const char *text)
{
    answer->handed_over = *text != '\0';
    answer->stopped = answer->on_token(answer->context, text, strlen(text)) != 0;
    return !answer->stopped;
}

static bool take_choice(struct answer *answer, const cJSON *choice)
{
    const cJSON *delta = cJSON_GetObjectItemCaseSensitive(choice, "delta");
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(delta, "content"));
    if (cJSON_IsString(cJSON_GetObjectItemCaseSensitive(choice, "finish_reason"))) {
        answer->complete = true;
    }
    return !text || !*text || hand_over(answer, text);
}

/* One event: false ends the transfer. */
static bool take_event(struct answer *answer, const char *data)
{
    if (strcmp(data, "[DONE]") == 0) {
        answer->complete = true;
        return true;
    }
    cJSON *json = parse_json(data);
    if (!json) {
        return fail(answer, "the provider sent malformed JSON: %.80s", data);
    }
    const char *error = error_text(json);
    const cJSON *choices = cJSON_GetObjectItemCaseSensitive(json, "choices");
    bool going = error ? fail(answer, "%s", error) : true;
    const cJSON *choice;
    cJSON_ArrayForEach(choice, choices)
    {
        going = going && take_choice(answer, choice);
    }
    cJSON_Delete(json);
    return going;
}

/* One line of the event stream. An empty one ends an event; only `data` matters to us. */
static bool take_line(struct answer *answer)
{
    const char *line = answer->line.length ? answer->line.bytes : "";
    if (strncmp(line, "\xef\xbb\xbf", 3) == 0) {
        line += 3; /* a byte order mark */
    }
    if (*line == '\0') {
        bool going = answer->event.length == 0 || take_event(answer, answer->event.bytes);
        answer->event.length = 0;
        return going;
    }
    if (strncmp(line, "data", 4) != 0 || (line[4] != ':' && line[4] != '\0')) {
        return true;
    }
    line += line[4] == ':' ? 5 : 4;
    line += *line == ' ';
    return (answer->event.length == 0 || append(answer, &answer->event, "\n", 1)) &&
           append(answer, &answer->event, line, strlen(line));
}

/* Lines end with LF, CR LF or CR, and a read may end anywhere. */
static bool take_bytes(struct answer *answer, const char *bytes, size_t length)
{
    if (answer->after_cr && length > 0 && *bytes == '\n') {
        bytes++;
        length--;
    }
    answer->after_cr = answer->after_cr && length == 0;
    while (length > 0) {
        size_t part = 0;
        while (part < length && bytes[part] != '\n' && bytes[part] != '\r') {
            part++;
        }
        if (!append(answer, &answer->line, bytes, part)) {
            return false;
        }
        if (part == length) {
            return true;
        }
        if (!take_line(answer)) {
            return false;
        }
        answer->line.length = 0;
        answer->line.bytes[0] = '\0';
        bool crlf = bytes[part] == '\r' && part + 1 < length && bytes[part + 1] == '\n';
        answer->after_cr = bytes[part] == '\r' && part + 1 == length;
        bytes += part + (crlf ? 2 : 1);
        length -= part + (crlf ? 2 : 1);
    }
    return true;
}

/* What arrived together is handed over together. */
static bool take_piece(struct answer *answer, const char *bytes, size_t length)
{
    bool going = take_bytes(answer, bytes, length);
    bool flushed = answer->stopped || !answer->handed_over || hand_over(answer, "");
    return going && flushed;
}

/* libcurl's write callback. The body of an error is kept, to be read when it is whole. */
static size_t on_bytes(char *bytes, size_t size, size_t count, void *context)
{
    struct answer *answer = context;
    size_t length = size * count;
    long status = 0;
    curl_easy_getinfo(answer->curl, CURLINFO_RESPONSE_CODE, &status);
    bool going = status == 200 ? take_piece(answer, bytes, length)
                               : append(answer, &answer->line, bytes, length);
    return going ? length : 0;
}

/* An answer with another status than 200: what the provider says, or at least the status. */
static void explain_status(struct answer *answer, long status)
{
    const char *body = answer->line.length ? answer->line.bytes : "";
    cJSON *json = parse_json(body);
    const char *text = json ? error_text(json) : NULL;
    if (text) {
        fail(answer, "%s (HTTP %ld)", text, status);
    } else {
        fail(answer, "the provider answered HTTP %ld: %.120s", status, body);
    }
    cJSON_Delete(json);
}

static struct curl_slist *make_headers(const char *api_key)
{
    char authorization[1024];
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    headers = curl_slist_append(headers, "Accept: text/event-stream");
    if (api_key && *api_key) {
        snprintf(authorization, sizeof(authorization), "Authorization: Bearer %s", api_key);
        headers = curl_slist_append(headers, authorization);
    }
    return headers;
}

static void set_options(struct answer *answer, const char *url, const char *request_json,
                        struct curl_slist *headers, char *curl_error)
{
    CURL *curl = answer->curl;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request_json);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, curl_error);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)SILENCE_SECONDS);
}

/* What the transfer came to: 0, 1 or -1 as llm_stream(). */
static int judge(struct answer *answer, CURLcode code, const char *curl_error)
{
    long status = 0;
    curl_easy_getinfo(answer->curl, CURLINFO_RESPONSE_CODE, &status);
    if (answer->stopped) {
        return 1;
    }
    if (answer->failed) {
        return -1;
    }
    if (code != CURLE_OK) {
        fail(answer, "%s", *curl_error ? curl_error : curl_easy_strerror(code));
    } else if (status != 200) {
        explain_status(answer, status);
    } else if (!answer->complete) {
        fail(answer, "the answer ended before it was complete");
    }
    return answer->failed ? -1 : 0;
}

int llm_stream(const char *base_url, const char *api_key, const char *request_json,
               int (*on_token)(void *context, const char *text, size_t length), void *context,
               char *error, size_t error_size)
{
    struct answer answer = {
        .on_token = on_token,
        .context = context,
        .error = error,
        .error_size = error_size,
        .curl = curl_easy_init(),
    };
    char url[1024];
    char curl_error[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers = make_headers(api_key);
    int length = snprintf(url, sizeof(url), "%s/chat/completions", base_url);
    int result = -1;
    if (length < 0 || (size_t)length >= sizeof(url)) {
        fail(&answer, "the provider's address is too long");
    } else if (!answer.curl || !headers) {
        fail(&answer, "out of memory");
    } else {
        set_options(&answer, url, request_json, headers, curl_error);
        CURLcode code = curl_easy_perform(answer.curl);
        result = judge(&answer, code, curl_error);
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(answer.curl);
    free(answer.line.bytes);
    free(answer.event.bytes);
    return result;
}
