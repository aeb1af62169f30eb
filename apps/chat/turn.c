/*
 * A turn: a question, the model's answer passed on token by token, and what is kept of both.
 *
 *     llm_stream() --on_token--> pass_token() --events--> the visitor
 *
 *     the model has answered          question and answer are kept
 *     the visitor has gone            so is what was sent, if anything was; the call to the model
 *                                     is cancelled: its blocking calls fail, so libcurl ends it
 *     the model has failed            nothing is kept, and the visitor is told why
 *     it was deleted                  so is its memory; the answer ends at the next token, or when
 *                                     the call is cancelled because none comes
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "chat.h"

/* examples/llm_client.c */
int llm_stream(const char *base_url, const char *api_key, const char *request_json,
               int (*on_token)(void *context, const char *text, size_t length), void *context,
               char *error, size_t error_size);

enum {
    EVENT_MOST = 7 << 20,    /* bytes of one event: an answer in one piece, escaped */
    EVENTS_TOGETHER = 16384, /* bytes of events after which they are sent whatever follows */
    ERROR_MOST = 512,
};

#define TURN_PATIENCE (400 * WEFT_MILLISECOND)

struct provider chat_provider;
struct turns chat_turns;

static struct weft_condition ended; /* a turn has */

struct turn {
    struct conversation *conversation;
    const char *question; /* the exchange's */
    size_t question_length;
    struct weft_sse *sse;
    struct text answer;
    struct text event; /* being made */
    int64_t began;
    int64_t first_token; /* ns after that; 0 before it */
    bool gone;           /* the visitor is */
    bool too_long;       /* the answer is */
};

static bool send_event(struct turn *turn)
{
    if (turn->event.failed ||
        weft_sse_send_encoded(turn->sse, turn->event.bytes, turn->event.length) < 0) {
        turn->gone = true;
    }
    return !turn->gone;
}

/* Send the events that were made since the last time: what came together leaves together. */
static bool send_tokens(struct turn *turn)
{
    if (turn->event.length == 0) {
        return true;
    }
    bool sent = send_event(turn);
    text_clear(&turn->event);
    if (turn->first_token == 0) {
        turn->first_token = weft_now() - turn->began;
    }
    return sent;
}

/* llm_stream()'s on_token; not 0 ends the call. */
static int pass_token(void *context, const char *text, size_t length)
{
    struct turn *turn = context;
    struct text *event = &turn->event;
    if (length == 0) {
        return !send_tokens(turn);
    }
    if (turn->conversation->forgotten) {
        return 1;
    }
    if (turn->answer.length + length > ANSWER_MOST) {
        turn->too_long = true;
        return 1;
    }
    text_put(event, "event: token\ndata: {\"text\":");
    text_json(event, text, length);
    text_put(event, "}\n\n");
    chat_turns.tokens++;
    bool added = text_add(&turn->answer, text, length);
    return !added || (event->length >= EVENTS_TOGETHER && !send_tokens(turn));
}

static void add_message(struct text *request, const char *role, const char *text, size_t length)
{
    text_format(request, "{\"role\":\"%s\",\"content\":", role);
    text_json(request, text, length);
    text_put(request, "}");
}

/* The newest messages that fit, beginning with a question. */
static size_t first_sent(const struct conversation *conversation)
{
    size_t first = conversation->count;
    size_t length = 0;
    while (first >= 2 && conversation->count - (first - 2) <= HISTORY_MESSAGES) {
        length += conversation->messages[first - 1].length;
        length += conversation->messages[first - 2].length;
        if (length > HISTORY_BYTES) {
            break;
        }
        first -= 2;
    }
    return first;
}

static void make_request(const struct turn *turn, struct text *request)
{
    const struct conversation *conversation = turn->conversation;
    text_put(request, "{\"model\":");
    text_json(request, chat_provider.model, strlen(chat_provider.model));
    text_put(request, ",\"stream\":true,\"messages\":[");
    for (size_t i = first_sent(conversation); i < conversation->count; i++) {
        const struct message *message = &conversation->messages[i];
        add_message(request, message->from_user ? "user" : "assistant", message->text,
                    message->length);
        text_put(request, ",");
    }
    add_message(request, "user", turn->question, turn->question_length);
    text_put(request, "]}");
}

static int fail(struct turn *turn, const char *reason)
{
    char sentence[ERROR_MOST + 64];
    snprintf(sentence, sizeof(sentence), "The model could not answer: %s", reason);
    text_put(&turn->event, "event: failed\ndata: {\"message\":");
    text_json(&turn->event, sentence, strlen(sentence));
    text_put(&turn->event, "}\n\n");
    return send_event(turn) ? 0 : -1;
}

static bool keep(struct turn *turn)
{
    return turn->conversation->forgotten ||
           store_add(turn->conversation, turn->question, turn->question_length,
                     turn->answer.bytes ? turn->answer.bytes : "", turn->answer.length) == 0;
}

static int finish(struct turn *turn)
{
    if (!keep(turn)) {
        return fail(turn, "no memory is left to keep the answer");
    }
    text_format(&turn->event,
                "event: done\ndata: {\"usage\":null,\"finish_reason\":\"stop\","
                "\"first_token_ms\":%.1f}\n\n",
                (double)turn->first_token / (double)WEFT_MILLISECOND);
    return send_event(turn) ? 0 : -1;
}

/* Errors may quote what the provider sent; what is not UTF-8 would not be JSON. */
static const char *readable(char *error)
{
    if (text_is_utf8(error, strlen(error))) {
        return error;
    }
    for (char *at = error; *at; at++) {
        *at = (unsigned char)*at < 0x80 ? *at : '?';
    }
    return error;
}

static int ask(struct turn *turn)
{
    char error[ERROR_MOST] = "";
    struct text request = { 0 };
    make_request(turn, &request);
    if (request.failed) {
        text_free(&request);
        return fail(turn, "no memory is left for the question");
    }
    int result = llm_stream(chat_provider.base_url, chat_provider.key, request.bytes, pass_token,
                            turn, error, sizeof(error));
    text_free(&request);
    if (result == 0) {
        return finish(turn);
    }
    if (turn->gone || weft_cancelled()) {
        if (turn->answer.length > 0) {
            keep(turn);
        }
        errno = ECANCELED;
        return -1;
    }
    if (result < 0) {
        return fail(turn, readable(error));
    }
    if (turn->conversation->forgotten) {
        return fail(turn, "the conversation was deleted");
    }
    return fail(turn, turn->too_long ? "the answer is longer than 1 MiB"
                                     : "no memory is left for the answer");
}

static int stream(struct weft_sse *sse, void *context)
{
    struct turn *turn = context;
    turn->sse = sse;
    weft_annotate("answering %.32s", turn->conversation->id);
    return ask(turn);
}

static void end(void *argument)
{
    struct turn *turn = argument;
    store_end_turn(turn->conversation);
    text_free(&turn->answer);
    text_free(&turn->event);
    chat_turns.under_way--;
    weft_condition_broadcast(&ended);
}

int turn_begin(struct conversation *conversation, const char *question, size_t length,
               struct weft_http_request *request, struct weft_http_response *response)
{
    struct turn *turn = weft_http_allocate(response->memory, sizeof(*turn));
    if (!turn || weft_http_defer(response->memory, end, turn) < 0) {
        store_end_turn(conversation);
        return -1;
    }
    *turn = (struct turn){
        .conversation = conversation,
        .question = question,
        .question_length = length,
        .answer = { .limit = ANSWER_MOST },
        .event = { .limit = EVENT_MOST },
        .began = weft_now(),
    };
    conversation->answers = weft_self();
    chat_turns.under_way++;
    return weft_sse_response(request, response, stream, turn, 0);
}

void turn_wait(const char *id)
{
    WEFT_TIMEOUT(TURN_PATIENCE);
    for (;;) {
        const struct conversation *conversation = store_find(id);
        if (!conversation || !conversation->answers || weft_condition_wait(&ended) < 0) {
            return;
        }
    }
}

void turn_stop(struct conversation *conversation)
{
    WEFT_TIMEOUT(TURN_PATIENCE);
    while (conversation->answers) {
        if (weft_condition_wait(&ended) < 0) {
            weft_cancel(conversation->answers);
            return;
        }
    }
}
