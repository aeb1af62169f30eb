/*
 * How an answer is sent.
 *
 * Token i is due at a moment that follows from the moment of the request alone,
 *
 *     request + first_token * (1 +- jitter) + (i +- jitter) / tokens_per_second
 *
 * so a token that leaves late delays none behind it. Those that are due together leave in one
 * write.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

enum {
    EVENTS_ROOM = 4096,      /* bytes of events that leave together */
    EVENT_MOST = 640,        /* bytes of one event */
    PREFIX_ROOM = 256,       /* of the part that all events of an answer begin with */
    STALL_SECONDS = 600,     /* after which a stalled connection is cut after all */
    RETRY_AFTER_SECONDS = 1, /* told with a 429 */
};

struct reply {
    const struct sim *sim;
    struct question question; /* its text is not kept */
    struct answer answer;
    uint64_t dice;
    int64_t began;
    int64_t last_due;
    size_t breaks; /* tokens after which a fault happens; SIZE_MAX: never */
    enum sim_fault fault;
    char id[32];
    char prefix[PREFIX_ROOM]; /* "data: {..." up to the choices of a chunk */
    size_t prefix_length;
};

/* -1 to 1. */
static double draw_signed(uint64_t *state)
{
    return (double)(sim_draw(state) >> 11) * 0x1p-52 - 1;
}

static enum sim_fault draw_fault(const struct sim *sim, uint64_t *state)
{
    double drawn = (draw_signed(state) + 1) / 2;
    if (drawn >= sim->fault_rate || sim->faults == 0) {
        return SIM_NO_FAULT;
    }
    size_t kinds = (size_t)__builtin_popcount(sim->faults);
    size_t skip = sim_draw(state) % kinds;
    enum sim_fault kind = SIM_FAULT_429;
    while (!(sim->faults & (1u << kind)) || skip-- > 0) {
        kind++;
    }
    return kind;
}

static int64_t due(struct reply *reply, size_t token)
{
    const struct sim *sim = reply->sim;
    double varied = sim->jitter * draw_signed(&reply->dice);
    double delay = token == 0 ? (double)sim->first_token * varied
                              : varied / sim->tokens_per_second * (double)WEFT_SECOND;
    delay += (double)sim->first_token;
    delay += (double)token / sim->tokens_per_second * (double)WEFT_SECOND;
    int64_t moment = reply->began + (int64_t)delay;
    reply->last_due = moment > reply->last_due ? moment : reply->last_due;
    return reply->last_due;
}

/* The fault that was drawn happens now: the connection goes silent, or ends. */
static int break_off(const struct reply *reply)
{
    if (reply->fault == SIM_FAULT_STALL && weft_sleep(STALL_SECONDS * WEFT_SECOND) < 0) {
        return -1;
    }
    errno = ECONNRESET;
    return -1;
}

static void begin_chunk(const struct reply *reply, struct text *events)
{
    text_add(events, reply->prefix, reply->prefix_length);
}

static void end_chunk(const struct reply *reply, struct text *events)
{
    text_put(events, reply->question.include_usage ? ",\"usage\":null}\n\n" : "}\n\n");
}

static void put_role(const struct reply *reply, struct text *events)
{
    begin_chunk(reply, events);
    text_put(events, "[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\","
                     "\"refusal\":null},\"logprobs\":null,\"finish_reason\":null}]");
    end_chunk(reply, events);
}

static void put_token(const struct reply *reply, struct text *events, size_t token)
{
    size_t start = token ? reply->answer.ends[token - 1] : 0;
    begin_chunk(reply, events);
    text_put(events, "[{\"index\":0,\"delta\":{\"content\":");
    text_json(events, reply->answer.text.bytes + start, reply->answer.ends[token] - start);
    text_put(events, "},\"logprobs\":null,\"finish_reason\":null}]");
    end_chunk(reply, events);
}

static void put_usage(const struct reply *reply, struct text *text)
{
    size_t prompt = reply->question.prompt_tokens;
    text_format(text,
                "\"usage\":{\"prompt_tokens\":%zu,\"completion_tokens\":%zu,\"total_tokens\":%zu,"
                "\"prompt_tokens_details\":{\"cached_tokens\":0},"
                "\"completion_tokens_details\":{\"reasoning_tokens\":0}}",
                prompt, reply->answer.count, prompt + reply->answer.count);
}

static const char *finish_reason(const struct reply *reply)
{
    return reply->answer.cut ? "length" : "stop";
}

static void put_end(const struct reply *reply, struct text *events)
{
    begin_chunk(reply, events);
    text_format(events, "[{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"%s\"}]",
                finish_reason(reply));
    end_chunk(reply, events);
    if (reply->question.include_usage) {
        begin_chunk(reply, events);
        text_put(events, "[],");
        put_usage(reply, events);
        text_put(events, "}\n\n");
    }
    text_put(events, "data: [DONE]\n\n");
}

/* Sends all tokens in their time, `events` being room to gather what leaves together. */
static int send_tokens(struct reply *reply, struct weft_sse *sse, struct text *events)
{
    int64_t next = due(reply, 0);
    for (size_t token = 0; token < reply->answer.count;) {
        int64_t now = weft_now();
        if (next > now && weft_sleep(next - now) < 0) {
            return -1;
        }
        now = weft_now();
        text_clear(events);
        do {
            if (token == reply->breaks) {
                return break_off(reply);
            }
            if (token == 0) {
                put_role(reply, events);
            }
            put_token(reply, events, token);
            if (++token == reply->answer.count) {
                put_end(reply, events);
                break;
            }
            next = due(reply, token);
        } while (next <= now && events->length < EVENTS_ROOM - EVENT_MOST);
        if (events->failed || weft_sse_send_encoded(sse, events->bytes, events->length) < 0) {
            return -1;
        }
    }
    return 0;
}

static int stream(struct weft_sse *sse, void *context)
{
    struct text events = { .limit = 2 * EVENTS_ROOM };
    int result = send_tokens(context, sse, &events);
    int error = errno;
    text_free(&events);
    errno = error;
    return result;
}

static int send_whole(struct reply *reply, struct weft_http_request *request,
                      struct weft_http_response *response)
{
    int64_t end = due(reply, reply->answer.count - 1);
    int64_t now = weft_now();
    if (weft_http_request_cancel_if_gone(request) < 0 || (end > now && weft_sleep(end - now) < 0)) {
        return -1;
    }
    if (reply->breaks != SIZE_MAX) {
        return break_off(reply);
    }
    struct text body = { 0 };
    text_format(&body, "{\"id\":\"%s\",\"object\":\"chat.completion\",\"created\":%lld,\"model\":",
                reply->id, (long long)time(NULL));
    text_json(&body, reply->question.model, strlen(reply->question.model));
    text_put(&body, ",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":");
    text_json(&body, reply->answer.text.bytes, reply->answer.ends[reply->answer.count - 1]);
    text_format(&body, ",\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"%s\"}],",
                finish_reason(reply));
    put_usage(reply, &body);
    text_put(&body, ",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_weft\"}\n");
    int result = body.failed ? -1
                             : weft_http_response_bytes(response, 200, "application/json",
                                                        body.bytes, body.length);
    text_free(&body);
    return result;
}

static int refuse_busy(struct weft_http_response *response)
{
    char seconds[16];
    snprintf(seconds, sizeof(seconds), "%d", RETRY_AFTER_SECONDS);
    if (weft_http_headers_set(&response->headers, "retry-after", seconds) < 0) {
        return -1;
    }
    return sim_error(response, 429, "requests", NULL, "rate_limit_exceeded",
                     "too many requests at the moment: try again in %d s", RETRY_AFTER_SECONDS);
}

static void end_reply(void *argument)
{
    struct reply *reply = argument;
    answer_free(&reply->answer);
}

static bool make_prefix(struct reply *reply)
{
    struct text prefix = { .limit = PREFIX_ROOM - 1 };
    text_format(&prefix,
                "data: {\"id\":\"%s\",\"object\":\"chat.completion.chunk\",\"created\":%lld,"
                "\"model\":",
                reply->id, (long long)time(NULL));
    text_json(&prefix, reply->question.model, strlen(reply->question.model));
    text_put(&prefix, ",\"system_fingerprint\":\"fp_weft\",\"choices\":");
    bool fits = !prefix.failed;
    if (fits) {
        memcpy(reply->prefix, prefix.bytes, prefix.length);
        reply->prefix_length = prefix.length;
    }
    text_free(&prefix);
    return fits;
}

/* A reply in the exchange's memory, which frees the answer at its end. */
static struct reply *new_reply(struct sim *sim, const struct question *question, uint64_t dice,
                               struct weft_http_memory *memory)
{
    struct reply *reply = weft_http_allocate(memory, sizeof(*reply));
    if (!reply) {
        return NULL;
    }
    *reply = (struct reply){ .sim = sim, .question = *question, .dice = dice, .breaks = SIZE_MAX };
    reply->question.text = NULL;
    if (!answer_compose(sim, question, &reply->answer)) {
        errno = ENOMEM;
        return NULL;
    }
    if (weft_http_defer(memory, end_reply, reply) < 0) {
        answer_free(&reply->answer);
        return NULL;
    }
    snprintf(reply->id, sizeof(reply->id), "chatcmpl-%016llx", (unsigned long long)sim_draw(&dice));
    return make_prefix(reply) ? reply : NULL;
}

int reply_send(struct sim *sim, const struct question *question, struct weft_http_request *request,
               struct weft_http_response *response)
{
    int64_t began = weft_now();
    uint64_t dice = sim->seed + (sim->requests << 16);
    enum sim_fault fault = draw_fault(sim, &dice);
    if (fault == SIM_FAULT_429) {
        return refuse_busy(response);
    }
    if (fault == SIM_FAULT_500) {
        return sim_error(response, 500, "server_error", NULL, NULL,
                         "the model failed before it could answer");
    }
    struct reply *reply = new_reply(sim, question, dice, response->memory);
    if (!reply) {
        return -1;
    }
    reply->began = began;
    reply->fault = fault;
    if (fault != SIM_NO_FAULT) {
        reply->breaks = reply->answer.count / 2;
    }
    return question->stream ? weft_sse_response(request, response, stream, reply, 0)
                            : send_whole(reply, request, response);
}
