/* What a request asks for. Whatever is wrong with it is said with the parameter's name. */
#include <string.h>

#include "sim.h"

enum {
    PER_MESSAGE = 4, /* tokens that a message costs beside its text */
    PER_PROMPT = 3,
    NAME_MAX_ = 48, /* bytes of a parameter's name such as messages[12].content[3].text */
};

static const cJSON *member(const cJSON *object, const char *name)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNull(value) ? NULL : value;
}

/* A whole number from 1 up. 1 set or absent, 0 refused, -1 failed. */
static int read_count(const cJSON *json, const char *name, size_t *count,
                      struct weft_http_response *response)
{
    const cJSON *value = member(json, name);
    if (!value) {
        return 1;
    }
    if (!cJSON_IsNumber(value) || !(value->valuedouble >= 1) || value->valuedouble > 1e9 ||
        value->valuedouble != (double)(size_t)value->valuedouble) {
        return sim_refuse(response, name, "'%s' must be a whole number from 1 up", name);
    }
    if ((size_t)value->valuedouble < *count) {
        *count = (size_t)value->valuedouble;
    }
    return 1;
}

static int read_flag(const cJSON *json, const char *name, bool *flag,
                     struct weft_http_response *response)
{
    const cJSON *value = member(json, name);
    if (value && !cJSON_IsBool(value)) {
        return sim_refuse(response, name, "'%s' must be true or false", name);
    }
    *flag = cJSON_IsTrue(value);
    return 1;
}

/* The text of a message, a string or parts; only text counts. 1, 0 or -1. */
static int read_content(const cJSON *content, const char *name, struct question *question,
                        const char **text, struct weft_http_response *response)
{
    const cJSON *part;
    if (cJSON_IsString(content)) {
        *text = content->valuestring;
        question->prompt_tokens += answer_count_tokens(*text);
        return 1;
    }
    if (!cJSON_IsArray(content)) {
        return sim_refuse(response, name, "'%s' must be a string or an array of parts", name);
    }
    cJSON_ArrayForEach(part, content)
    {
        const char *type = cJSON_GetStringValue(member(part, "type"));
        if (!type) {
            return sim_refuse(response, name, "each part of '%s' needs a 'type'", name);
        }
        const char *words = cJSON_GetStringValue(member(part, "text"));
        if (words) {
            *text = words;
            question->prompt_tokens += answer_count_tokens(words);
        } else if (strcmp(type, "text") == 0) {
            return sim_refuse(response, name, "a part of '%s' has no 'text'", name);
        }
    }
    return 1;
}

static int read_message(const cJSON *message, size_t index, struct question *question,
                        struct weft_http_response *response)
{
    static const char ROLES[] = "|system|developer|user|assistant|tool|function|";
    char name[NAME_MAX_];
    char listed[NAME_MAX_];
    snprintf(name, sizeof(name), "messages[%zu]", index);
    if (!cJSON_IsObject(message)) {
        return sim_refuse(response, name, "'%s' must be an object", name);
    }
    const char *role = cJSON_GetStringValue(member(message, "role"));
    snprintf(name, sizeof(name), "messages[%zu].role", index);
    if (!role) {
        return sim_refuse(response, name, "'%s' is missing or no string", name);
    }
    int length = snprintf(listed, sizeof(listed), "|%s|", role);
    if (length >= (int)sizeof(listed) || strchr(role, '|') || !strstr(ROLES, listed)) {
        return sim_refuse(response, name, "'%s' is none of the roles there are", name);
    }
    question->prompt_tokens += PER_MESSAGE;
    const cJSON *content = member(message, "content");
    if (!content && strcmp(role, "assistant") == 0) {
        return 1; /* it called tools */
    }
    snprintf(name, sizeof(name), "messages[%zu].content", index);
    const char *text = "";
    int read = read_content(content, name, question, &text, response);
    if (read == 1 && strcmp(role, "user") == 0) {
        question->text = text;
    }
    return read;
}

/* sim_refuse() answers 0 when it has, which reads as "refused" here. */
static int read_messages(const cJSON *json, struct question *question,
                         struct weft_http_response *response)
{
    const cJSON *messages = member(json, "messages");
    if (!messages) {
        return sim_refuse(response, "messages", "'messages' is missing");
    }
    if (!cJSON_IsArray(messages) || cJSON_GetArraySize(messages) == 0 ||
        cJSON_GetArraySize(messages) > SIM_MESSAGES_MAX) {
        return sim_refuse(response, "messages", "'messages' must be an array of 1 to %d messages",
                          SIM_MESSAGES_MAX);
    }
    const cJSON *message;
    question->prompt_tokens = PER_PROMPT;
    cJSON_ArrayForEach(message, messages)
    {
        int read = read_message(message, question->turns++, question, response);
        if (read != 1) {
            return read;
        }
    }
    if (!text_is_utf8(question->text, strlen(question->text))) {
        return sim_refuse(response, "messages", "the text is not UTF-8");
    }
    return 1;
}

static int read_model(const struct sim *sim, const cJSON *json, struct question *question,
                      struct weft_http_response *response)
{
    const cJSON *model = member(json, "model");
    if (!cJSON_IsString(model)) {
        return sim_refuse(response, "model", "'model' is missing or no string");
    }
    for (size_t i = 0; i < sim->models; i++) {
        if (strcmp(sim->model[i], model->valuestring) == 0) {
            question->model = sim->model[i];
            return 1;
        }
    }
    return sim_error(response, 404, "invalid_request_error", "model", "model_not_found",
                     "there is no model '%.*s' here", SIM_NAME_MAX, model->valuestring);
}

static int read_stream(const cJSON *json, struct question *question,
                       struct weft_http_response *response)
{
    int read = read_flag(json, "stream", &question->stream, response);
    const cJSON *options = member(json, "stream_options");
    if (read != 1 || !options) {
        return read;
    }
    if (!question->stream) {
        return sim_refuse(response, "stream_options", "'stream_options' needs 'stream' to be true");
    }
    return read_flag(options, "include_usage", &question->include_usage, response);
}

int question_read(const struct sim *sim, const cJSON *json, struct question *question,
                  struct weft_http_response *response)
{
    size_t choices = 2;
    *question = (struct question){ .text = "", .most_tokens = SIM_TOKENS_MAX };
    if (!cJSON_IsObject(json)) {
        return sim_refuse(response, NULL, "the body must be a JSON object");
    }
    int read = read_model(sim, json, question, response);
    read = read == 1 ? read_messages(json, question, response) : read;
    read = read == 1 ? read_stream(json, question, response) : read;
    read = read == 1 ? read_count(json, "max_tokens", &question->most_tokens, response) : read;
    read = read == 1 ? read_count(json, "max_completion_tokens", &question->most_tokens, response)
                     : read;
    read = read == 1 ? read_count(json, "n", &choices, response) : read;
    const cJSON *n = member(json, "n");
    if (read == 1 && n && n->valuedouble != 1) {
        return sim_refuse(response, "n", "only 'n' of 1 is offered here");
    }
    return read;
}
