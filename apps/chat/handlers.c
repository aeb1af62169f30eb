/* The requests of the page. Errors are {"error": {"message": "..."}}, a sentence for people. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "chat.h"

static int answer_json(struct weft_http_response *response, int status, struct text *json)
{
    int result = json->failed ? -1
                              : weft_http_response_bytes(response, status, "application/json",
                                                         json->bytes, json->length);
    text_free(json);
    return result;
}

static int refuse(struct weft_http_response *response, int status, const char *message)
{
    struct text json = { 0 };
    text_put(&json, "{\"error\":{\"message\":");
    text_json(&json, message, strlen(message));
    text_put(&json, "}}\n");
    return answer_json(response, status, &json);
}

/* A page of another origin cannot send this type without being asked about it first. */
static bool is_json(const struct weft_http_request *request)
{
    const char *type = weft_http_headers_get(&request->headers, "content-type");
    size_t length = strlen("application/json");
    return type && strncasecmp(type, "application/json", length) == 0 &&
           (type[length] == '\0' || type[length] == ';' || type[length] == ' ');
}

/* The question in a body, copied to the exchange's memory; NULL: the response says why not. */
static const char *read_question(struct weft_http_request *request,
                                 struct weft_http_response *response, int *result)
{
    size_t length;
    const char *body = weft_http_request_text(request, &length);
    if (!body) {
        *result = errno == EMSGSIZE ? refuse(response, 413, "The message is too long.") : -1;
        return NULL;
    }
    cJSON *json = json_parse(body, length);
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "text"));
    const char *question = NULL;
    if (!text) {
        *result = refuse(response, 400, "A message is JSON: {\"text\": \"...\"}.");
    } else if (text[strspn(text, " \t\r\n")] == '\0') {
        *result = refuse(response, 400, "The message is empty.");
    } else if (strlen(text) > MESSAGE_MOST) {
        *result = refuse(response, 413, "The message is too long: 128 KiB at most.");
    } else if (!text_is_utf8(text, strlen(text))) {
        *result = refuse(response, 400, "The message is not UTF-8.");
    } else {
        question = weft_http_format(request->memory, "%s", text);
        *result = -1;
    }
    cJSON_Delete(json);
    return question;
}

int chat_post_message(struct weft_http_handler *handler, struct weft_http_request *request,
                      struct weft_http_response *response)
{
    (void)handler;
    const char *id = weft_http_request_parameter(request, "id");
    if (!store_is_id(id)) {
        return refuse(response, 400, "A conversation's name has 8 to 64 letters, digits or '-'.");
    }
    if (!is_json(request)) {
        return refuse(response, 415, "A message is sent as application/json.");
    }
    int result;
    const char *question = read_question(request, response, &result);
    if (!question) {
        return result;
    }
    turn_wait(id); /* a visitor who stopped an answer and asks on is faster than the close */
    struct conversation *conversation = store_open(id);
    if (!conversation) {
        return refuse(response, 503, "Too many conversations are being answered at the moment.");
    }
    if (conversation->answers) {
        return refuse(response, 409, "This conversation is being answered already.");
    }
    return turn_begin(conversation, question, strlen(question), request, response);
}

int chat_get_conversation(struct weft_http_handler *handler, struct weft_http_request *request,
                          struct weft_http_response *response)
{
    (void)handler;
    const struct conversation *conversation =
        store_find(weft_http_request_parameter(request, "id"));
    if (!conversation || conversation->count == 0) {
        return refuse(response, 404, "There is no such conversation.");
    }
    struct text json = { .limit = 8 * CONVERSATION_MOST };
    text_put(&json, "{\"messages\":[");
    for (size_t i = 0; i < conversation->count; i++) {
        const struct message *message = &conversation->messages[i];
        text_format(&json, "%s{\"role\":\"%s\",\"text\":", i ? "," : "",
                    message->from_user ? "user" : "assistant");
        text_json(&json, message->text, message->length);
        text_put(&json, "}");
    }
    text_put(&json, "]}\n");
    return answer_json(response, 200, &json);
}

int chat_delete_conversation(struct weft_http_handler *handler, struct weft_http_request *request,
                             struct weft_http_response *response)
{
    (void)handler;
    struct conversation *conversation = store_find(weft_http_request_parameter(request, "id"));
    if (conversation) {
        store_hold(conversation);
        store_forget(conversation);
        turn_stop(conversation);
        store_let_go(conversation);
    }
    response->status = 204; /* gone, whoever was first */
    return 0;
}

int chat_get_page(struct weft_http_handler *handler, struct weft_http_request *request,
                  struct weft_http_response *response)
{
    (void)handler;
    const char *name = strcmp(request->path, "/") == 0 ? "/index.html" : request->path;
    for (size_t i = 0; i < PAGE_FILES_COUNT; i++) {
        if (strcmp(PAGE_FILES[i].name, name + 1) == 0) {
            return weft_http_response_asset(request, response, &PAGE_FILES[i].asset);
        }
    }
    return refuse(response, 404, "There is no such page.");
}
