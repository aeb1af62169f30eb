/*
 * The lines of a message head.
 *
 * A head is looked at line by line, and a line only once it is complete. What is kept between calls
 * is the offset of the first line not yet taken, so the work lost when bytes trickle in is at most
 * one line (8 KiB of SIMD scanning), and the outcome cannot depend on where the bytes were cut:
 * of several faults it is always the one at the smallest offset of the first bad line that counts,
 * and control bytes count before anything about a line's form.
 *
 *      start line -> field lines -> empty line -> conclude
 */
#include "base/assert.h"
#include "proto/http1_internal.h"
#include "proto/http1_scan.h"

const struct weft__http1_limits weft__http1_default_limits = {
    .line = 8192,
    .field = 8192,
    .head = 32768,
    .fields = 100,
    .chunk_line = 256,
    .chunk_extensions = 4096,
};

enum {
    START_LINE,
    FIELDS,
    FINISHED,
};

static void init(struct weft__http1_head *head, enum weft__http1_kind kind,
                 const struct weft__http1_limits *limits, struct weft__http1_field *fields,
                 size_t capacity)
{
    *head = (struct weft__http1_head){
        .kind = kind,
        .limits = limits ? limits : &weft__http1_default_limits,
        .fields = fields,
        .field_capacity = capacity,
        .state = kind == WEFT__HTTP1_TRAILERS ? FIELDS : START_LINE,
    };
}

void weft__http1_request_init(struct weft__http1_head *head,
                              const struct weft__http1_limits *limits,
                              struct weft__http1_field *fields, size_t capacity)
{
    init(head, WEFT__HTTP1_REQUEST, limits, fields, capacity);
}

void weft__http1_response_init(struct weft__http1_head *head,
                               const struct weft__http1_limits *limits,
                               struct weft__http1_field *fields, size_t capacity,
                               struct weft__slice method)
{
    init(head, WEFT__HTTP1_RESPONSE, limits, fields, capacity);
    head->answers_head = weft__slice_is(method, "HEAD");
    head->answers_connect = weft__slice_is(method, "CONNECT");
}

void weft__http1_trailers_init(struct weft__http1_head *head,
                               const struct weft__http1_limits *limits,
                               struct weft__http1_field *fields, size_t capacity)
{
    init(head, WEFT__HTTP1_TRAILERS, limits, fields, capacity);
}

static void move(struct weft__slice *slice, const char *from, const char *to)
{
    if (slice->data)
        slice->data = to + ((uintptr_t)slice->data - (uintptr_t)from);
}

/* The caller's buffer may have moved between two calls: let all slices follow it. */
static void rebase(struct weft__http1_head *head, const char *data)
{
    struct weft__slice *own[] = { &head->method,  &head->target, &head->authority, &head->reason,
                                  &head->upgrade, &head->host,   &head->expect,    &head->coding };

    if (head->base && head->base != data) {
        for (size_t i = 0; i < sizeof own / sizeof *own; i++)
            move(own[i], head->base, data);
        for (size_t i = 0; head->fields && i < head->field_count; i++) {
            move(&head->fields[i].name, head->base, data);
            move(&head->fields[i].value, head->base, data);
        }
    }
    head->base = data;
}

static enum weft__http1_result refuse_byte(struct weft__http1_head *head, char byte)
{
    if (byte == '\n')
        return weft__http1_refuse(head, WEFT__HTTP1_BARE_LF);
    if (byte == '\0')
        return weft__http1_refuse(head, WEFT__HTTP1_NUL_BYTE);
    return weft__http1_refuse(head, WEFT__HTTP1_CONTROL_BYTE);
}

/* What a line of this state may be long, and how it is refused when it is longer. */
static size_t line_limit(const struct weft__http1_head *head)
{
    return head->state == START_LINE ? head->limits->line : head->limits->field;
}

static enum weft__http1_result refuse_length(struct weft__http1_head *head)
{
    if (head->state == FIELDS)
        return weft__http1_refuse(head, WEFT__HTTP1_FIELD_TOO_LARGE);
    return weft__http1_refuse(head, head->kind == WEFT__HTTP1_REQUEST
                                        ? WEFT__HTTP1_REQUEST_LINE_TOO_LONG
                                        : WEFT__HTTP1_STATUS_LINE_TOO_LONG);
}

/*
 * Find the end of the line at head->position, of which the bytes before `from` are known to be
 * text. DONE: *stop is the offset of its CR LF.
 */
static enum weft__http1_result line_end(struct weft__http1_head *head, const char *data,
                                        size_t length, size_t from, size_t *stop)
{
    const struct weft__http1_limits *limits = head->limits;
    size_t at = (size_t)(weft__http1_text_end(data + from, data + length) - data);
    size_t line = at - head->position;

    if (line > line_limit(head) && head->position + line_limit(head) <= limits->head)
        return refuse_length(head);
    if (at > limits->head)
        return weft__http1_refuse(head, WEFT__HTTP1_HEAD_TOO_LARGE);
    if (at == length)
        return WEFT__HTTP1_MORE;
    if (data[at] != '\r')
        return refuse_byte(head, data[at]);
    if (at + 1 == length)
        return WEFT__HTTP1_MORE;
    if (data[at + 1] != '\n')
        return weft__http1_refuse(head, WEFT__HTTP1_BARE_CR);
    if (at + 2 > limits->head)
        return weft__http1_refuse(head, WEFT__HTTP1_HEAD_TOO_LARGE);
    *stop = at;
    return WEFT__HTTP1_DONE;
}

static enum weft__http1_result start_line(struct weft__http1_head *head, const char *data,
                                          size_t length)
{
    size_t stop = 0;

    for (;;) {
        enum weft__http1_result result = line_end(head, data, length, head->position, &stop);
        if (result != WEFT__HTTP1_DONE)
            return result;
        if (stop > head->position)
            break;
        if (head->kind != WEFT__HTTP1_REQUEST || head->blank_line)
            return weft__http1_refuse(head, WEFT__HTTP1_EMPTY_LINES);
        head->blank_line = true; /* left behind by a client that ends a POST with one */
        head->position = stop + 2;
    }
    const char *line = data + head->position;
    size_t line_length = stop - head->position;
    if (*line == ' ' || *line == '\t')
        return weft__http1_refuse(head, WEFT__HTTP1_LEADING_SPACE);
    enum weft__http1_result result = head->kind == WEFT__HTTP1_REQUEST
                                         ? weft__http1_request_line(head, line, line_length)
                                         : weft__http1_status_line(head, line, line_length);
    head->position = stop + 2;
    head->state = FIELDS;
    return result;
}

/* A complete line that is no field: say what is wrong with it. */
static enum weft__http1_result refuse_field(struct weft__http1_head *head, const char *line,
                                            size_t name, size_t length)
{
    if (line[0] == ' ' || line[0] == '\t')
        return weft__http1_refuse(head, head->field_count ? WEFT__HTTP1_OBS_FOLD
                                                          : WEFT__HTTP1_LEADING_SPACE);
    size_t after = name;
    while (after < length && (line[after] == ' ' || line[after] == '\t'))
        after++;
    if (after > name && after < length && line[after] == ':')
        return weft__http1_refuse(head, WEFT__HTTP1_SPACE_BEFORE_COLON);
    if (weft__slice_find(weft__slice(line, length), ':') == length)
        return weft__http1_refuse(head, WEFT__HTTP1_FIELD_NO_COLON);
    return weft__http1_refuse(head, WEFT__HTTP1_FIELD_NAME);
}

static inline struct weft__slice trimmed(const char *start, const char *end)
{
    while (start < end && (*start == ' ' || *start == '\t'))
        start++;
    while (end > start && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    return weft__slice(start, (size_t)(end - start));
}

/* May the field say something about the message? */
static inline bool is_noted(const struct weft__http1_head *head, size_t name)
{
    return head->kind == WEFT__HTTP1_TRAILERS ||
           (name < 32 && (uint32_t)WEFT__HTTP1_NOTED_LENGTHS >> name & 1);
}

static inline enum weft__http1_result add_field(struct weft__http1_head *head, const char *line,
                                                size_t name, size_t length)
{
    struct weft__http1_field field;

    if (head->field_count >= head->limits->fields ||
        (head->fields && head->field_count >= head->field_capacity))
        return weft__http1_refuse(head, WEFT__HTTP1_TOO_MANY_FIELDS);
    field.name = weft__slice(line, name);
    field.value = trimmed(line + name + 1, line + length);
    if (head->fields)
        head->fields[head->field_count] = field;
    head->field_count++;
    return is_noted(head, name) ? weft__http1_note_field(head, &field) : WEFT__HTTP1_DONE;
}

/* A complete line: a field, or the empty one at the end. */
static inline enum weft__http1_result take_line(struct weft__http1_head *head, const char *line,
                                                size_t name, size_t length)
{
    if (name > 0 && line[name] == ':')
        return add_field(head, line, name, length);
    if (length > 0)
        return refuse_field(head, line, name, length);
    head->state = FINISHED;
    return WEFT__HTTP1_DONE;
}

/*
 * Field lines up to the empty one. A line that lies whole within all limits, as nearly all do, is
 * seen to be so with three comparisons; line_end() looks again at any other and says what is wrong.
 */
static enum weft__http1_result field_lines(struct weft__http1_head *head, const char *data,
                                           size_t length)
{
    const struct weft__http1_limits *limits = head->limits;
    const char *end = data + length;
    const char *bound = length < limits->head ? end : data + limits->head;
    enum weft__http1_result result = WEFT__HTTP1_DONE;

    while (result == WEFT__HTTP1_DONE && head->state == FIELDS) {
        const char *line = data + head->position;
        const char *name = weft__http1_token_end(line, end);
        const char *stop = weft__http1_text_end(name, end);
        if (bound - stop < 2 || memcmp(stop, "\r\n", 2) != 0 ||
            (size_t)(stop - line) > limits->field) {
            size_t ignored;
            return line_end(head, data, length, (size_t)(stop - data), &ignored);
        }
        head->position = (size_t)(stop - data) + 2;
        result = take_line(head, line, (size_t)(name - line), (size_t)(stop - line));
    }
    return result;
}

enum weft__http1_result weft__http1_head_parse(struct weft__http1_head *head, const char *data,
                                               size_t length)
{
    enum weft__http1_result result = WEFT__HTTP1_DONE;

    weft_assert(head->state != FINISHED);
    if (head->error)
        return WEFT__HTTP1_ERROR;
    if (length == 0)
        return WEFT__HTTP1_MORE;
    rebase(head, data);
    if (head->state == START_LINE)
        result = start_line(head, data, length);
    if (result == WEFT__HTTP1_DONE && head->state == FIELDS)
        result = field_lines(head, data, length);
    if (result != WEFT__HTTP1_DONE)
        return result;
    head->length = head->position;
    return weft__http1_conclude(head);
}

enum weft__http1_result weft__http1_head_end(struct weft__http1_head *head, size_t length)
{
    if (head->error)
        return WEFT__HTTP1_ERROR;
    if (head->kind == WEFT__HTTP1_REQUEST && head->state == START_LINE && length == head->position)
        return WEFT__HTTP1_DONE;
    return length == 0 ? WEFT__HTTP1_DONE : weft__http1_refuse(head, WEFT__HTTP1_TRUNCATED);
}

const struct weft__http1_field *weft__http1_field_next(const struct weft__http1_head *head,
                                                       const char *name,
                                                       const struct weft__http1_field *previous)
{
    struct weft__slice wanted = weft__slice_string(name);
    size_t i = previous ? (size_t)(previous - head->fields) + 1 : 0;

    for (; head->fields && i < head->field_count; i++) {
        if (weft__slice_equal_case(head->fields[i].name, wanted))
            return &head->fields[i];
    }
    return NULL;
}

const struct weft__http1_field *weft__http1_field_find(const struct weft__http1_head *head,
                                                       const char *name)
{
    return weft__http1_field_next(head, name, NULL);
}

bool weft__http1_field_has(const struct weft__http1_head *head, const char *name, const char *token)
{
    const struct weft__http1_field *field = NULL;

    while ((field = weft__http1_field_next(head, name, field))) {
        if (weft__slice_list_has(field->value, token))
            return true;
    }
    return false;
}
