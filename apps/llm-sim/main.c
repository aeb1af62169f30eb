/* weft-llm-sim: an LLM provider on localhost, for tests, benchmarks and the chat without a key. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../common/service.h"
#include "sim.h"

static const char USAGE[] =
    "usage: weft-llm-sim [OPTION...]\n"
    "\n"
    "Speaks OpenAI's Chat Completions on 127.0.0.1; the first line it prints is its address.\n"
    "\n"
    "  --port N               0: a free one; default 9393\n"
    "  --tokens-per-second N  pace of each answer; default 30\n"
    "  --first-token-ms N     from the request to the first token; default 600\n"
    "  --jitter F             0 to 1: by which part of itself each delay varies; default 0.1\n"
    "  --tokens N             of every answer; 0, the default: as many as it has\n"
    "  --fault-rate F         0 to 1: part of the requests that fail; default 0\n"
    "  --faults LIST          how: of 429,500,cut,stall; default all\n"
    "  --seed N               same seed, same questions: same answers; default 1\n"
    "  --model NAME           may be given up to 8 times; default weft-sim\n"
    "  --require-key KEY      401 without this key; default: any key, or none\n";

enum {
    BODY_MAX = 4 << 20,
    PORT_USUAL = 9393,
};

static struct sim sim = {
    .tokens_per_second = 30,
    .first_token = 600 * WEFT_MILLISECOND,
    .jitter = 0.1,
    .faults = (1u << SIM_FAULT_KINDS) - 2,
    .seed = 1,
};

static int port = PORT_USUAL;

/* The headers that every answer carries, whatever became of the request. */
static int add_headers(struct weft_http_response *response, int64_t began)
{
    char id[40];
    char elapsed[24];
    uint64_t state = sim.seed ^ (sim.requests << 20);
    uint64_t high = sim_draw(&state);
    snprintf(id, sizeof(id), "req_%016llx%016llx", (unsigned long long)high,
             (unsigned long long)sim_draw(&state));
    snprintf(elapsed, sizeof(elapsed), "%lld",
             (long long)((weft_now() - began) / WEFT_MILLISECOND));
    if (weft_http_headers_set(&response->headers, "x-request-id", id) < 0) {
        return -1;
    }
    return weft_http_headers_set(&response->headers, "openai-processing-ms", elapsed);
}

/* 1: the key is fine; else as a handler. */
static int check_key(const struct weft_http_request *request, struct weft_http_response *response)
{
    const char *given = weft_http_headers_get(&request->headers, "authorization");
    bool bearer = given && strncasecmp(given, "Bearer ", 7) == 0;
    if (!sim.key || (bearer && strcmp(given + 7, sim.key) == 0)) {
        return 1;
    }
    if (!bearer) {
        return sim_error(response, 401, "invalid_request_error", NULL, NULL,
                         "an API key is needed: send it as 'Authorization: Bearer KEY'");
    }
    return sim_error(response, 401, "invalid_request_error", NULL, "invalid_api_key",
                     "this API key is not known here");
}

static int complete(struct weft_http_request *request, struct weft_http_response *response)
{
    size_t length;
    const char *body = weft_http_request_text(request, &length);
    if (!body && errno == EMSGSIZE) {
        return sim_error(response, 413, "invalid_request_error", NULL, NULL,
                         "the request is larger than %d bytes", BODY_MAX);
    }
    if (!body) {
        return -1;
    }
    cJSON *json = json_parse(body, length);
    if (!json) {
        return sim_refuse(response, NULL, "the body is no JSON, or is nested too deeply");
    }
    struct question question;
    int result = question_read(&sim, json, &question, response);
    result = result == 1 ? reply_send(&sim, &question, request, response) : result;
    cJSON_Delete(json);
    return result;
}

static void describe_model(struct text *text, const char *name)
{
    text_put(text, "{\"id\":");
    text_json(text, name, strlen(name));
    text_format(text, ",\"object\":\"model\",\"created\":%lld,\"owned_by\":\"weft\"}",
                (long long)sim.started);
}

static int list_models(struct weft_http_response *response)
{
    struct text text = { 0 };
    text_put(&text, "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < sim.models; i++) {
        text_put(&text, i ? "," : "");
        describe_model(&text, sim.model[i]);
    }
    text_put(&text, "]}\n");
    int result = text.failed ? -1
                             : weft_http_response_bytes(response, 200, "application/json",
                                                        text.bytes, text.length);
    text_free(&text);
    return result;
}

static int show_model(const char *name, struct weft_http_response *response)
{
    struct text text = { 0 };
    int result = -1;
    for (size_t i = 0; i < sim.models; i++) {
        if (strcmp(sim.model[i], name) == 0) {
            describe_model(&text, sim.model[i]);
            result = text.failed ? -1
                                 : weft_http_response_bytes(response, 200, "application/json",
                                                            text.bytes, text.length);
            text_free(&text);
            return result;
        }
    }
    return sim_error(response, 404, "invalid_request_error", "model", "model_not_found",
                     "there is no model '%.*s' here", SIM_NAME_MAX, name);
}

static int route(struct weft_http_request *request, struct weft_http_response *response)
{
    static const char MODELS[] = "/v1/models";
    bool get = strcmp(request->method, "GET") == 0;
    int checked = check_key(request, response);
    if (checked != 1) {
        return checked;
    }
    if (strcmp(request->path, "/v1/chat/completions") == 0) {
        return strcmp(request->method, "POST") == 0
                   ? complete(request, response)
                   : sim_error(response, 405, "invalid_request_error", NULL, "method_not_supported",
                               "%.16s is not for this address: use POST", request->method);
    }
    if (get && strcmp(request->path, MODELS) == 0) {
        return list_models(response);
    }
    if (get && strncmp(request->path, MODELS, strlen(MODELS)) == 0 &&
        request->path[strlen(MODELS)] == '/') {
        return show_model(request->path + strlen(MODELS) + 1, response);
    }
    return sim_error(response, 404, "invalid_request_error", NULL, "unknown_url",
                     "there is nothing at %.16s %.200s", request->method, request->path);
}

static int handle(struct weft_http_handler *handler, struct weft_http_request *request,
                  struct weft_http_response *response)
{
    (void)handler;
    int64_t began = weft_now();
    sim.requests++;
    if (route(request, response) < 0) {
        return -1;
    }
    return add_headers(response, began);
}

static bool read_faults(char *list)
{
    static const char *const NAMES[SIM_FAULT_KINDS] = { NULL, "429", "500", "cut", "stall" };
    sim.faults = 0;
    for (char *rest = list, *name; (name = strsep(&rest, ","));) {
        unsigned kind = 1;
        while (kind < SIM_FAULT_KINDS && strcmp(NAMES[kind], name) != 0) {
            kind++;
        }
        if (kind == SIM_FAULT_KINDS) {
            fprintf(stderr, "--faults: no fault '%s' (there are: 429,500,cut,stall)\n", name);
            return false;
        }
        sim.faults |= 1u << kind;
    }
    return true;
}

static bool add_model(const char *name)
{
    static const char ALLOWED[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "-_.:/@";
    size_t length = strlen(name);
    if (sim.models == SIM_MODELS_MAX || length == 0 || length > SIM_NAME_MAX ||
        strspn(name, ALLOWED) != length) {
        fprintf(stderr, "--model wants a name of 1 to %d letters, digits and -_.:/@, %d times\n",
                SIM_NAME_MAX, SIM_MODELS_MAX);
        return false;
    }
    sim.model[sim.models++] = name;
    return true;
}

enum choice {
    PORT = 256,
    RATE,
    FIRST,
    JITTER,
    TOKENS,
    FAULT_RATE,
    FAULTS,
    SEED,
    MODEL,
    KEY,
    HELP,
};

static const struct option OPTIONS[] = {
    { "port", required_argument, NULL, PORT },
    { "tokens-per-second", required_argument, NULL, RATE },
    { "first-token-ms", required_argument, NULL, FIRST },
    { "jitter", required_argument, NULL, JITTER },
    { "tokens", required_argument, NULL, TOKENS },
    { "fault-rate", required_argument, NULL, FAULT_RATE },
    { "faults", required_argument, NULL, FAULTS },
    { "seed", required_argument, NULL, SEED },
    { "model", required_argument, NULL, MODEL },
    { "require-key", required_argument, NULL, KEY },
    { "help", no_argument, NULL, HELP },
    { 0 },
};

static bool read_option(int option, char *text)
{
    double number = 0;
    bool right = true;
    switch (option) {
    case PORT:
        right = service_number("--port", text, 0, 65535, &number);
        port = (int)number;
        break;
    case RATE:
        right = service_number("--tokens-per-second", text, 0.01, 1e6, &sim.tokens_per_second);
        break;
    case FIRST:
        right = service_number("--first-token-ms", text, 0, 600000, &number);
        sim.first_token = (int64_t)(number * (double)WEFT_MILLISECOND);
        break;
    case JITTER:
        right = service_number("--jitter", text, 0, 1, &sim.jitter);
        break;
    case TOKENS:
        right = service_number("--tokens", text, 0, SIM_TOKENS_MAX, &number);
        sim.tokens = (size_t)number;
        break;
    case FAULT_RATE:
        right = service_number("--fault-rate", text, 0, 1, &sim.fault_rate);
        break;
    case SEED:
        right = service_number("--seed", text, 0, 9e15, &number);
        sim.seed = (uint64_t)number;
        break;
    case FAULTS:
        return read_faults(text);
    case MODEL:
        return add_model(text);
    case KEY:
        sim.key = text;
        break;
    default:
        return false;
    }
    return right;
}

int main(int argc, char **argv)
{
    char address[32];
    int option;
    while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
        if (option == HELP) {
            fputs(USAGE, stdout);
            return 0;
        }
        if (!read_option(option, optarg)) {
            fprintf(stderr, "weft-llm-sim: see weft-llm-sim --help\n");
            return 2;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "weft-llm-sim: '%s' is no option (see --help)\n", argv[optind]);
        return 2;
    }
    if (sim.models == 0) {
        sim.model[sim.models++] = "weft-sim";
    }
    sim.started = time(NULL);
    snprintf(address, sizeof(address), "127.0.0.1:%d", port);
    struct weft_http_handler handler = { .call = handle };
    const struct service service = {
        .name = "weft-llm-sim",
        .greeting = "http://127.0.0.1:%d/v1",
        .options = { .handler = &handler,
                     .address = address,
                     .max_connections = 100000,
                     .max_body = BODY_MAX,
                     .grace = WEFT_SECOND },
    };
    return service_run(&service);
}
