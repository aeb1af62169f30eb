/*
 * Streaming conversations with a running chat, each a fiber in plain blocking code.
 *
 *     arrival i is due at  began + i / rate,  and its first token is measured from there, so that
 *     a server that falls behind cannot slow the load down and look better for it
 *
 * A pool of slots stands for a pool of threads: who has a slot keeps it until the answer is whole.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <weft/weft.h>

#include "bench.h"

static const char USAGE[] =
    "usage: weft bench conversations [OPTION...]\n"
    "\n"
    "Holds streaming conversations with a running chat, and prints when each got its first token.\n"
    "\n"
    "  -n N            conversations, 1 to 20000; default 1000\n"
    "  --url URL       of the chat; default http://127.0.0.1:9292\n"
    "  --rate N        arrivals per second; 0: all at once; default 1000\n"
    "  --tokens N      length of the answers asked for; default 60\n"
    "  --pool N        the same once more through a pool of N slots, each held for a whole answer\n"
    "  --only-pool     leave out the run without a pool\n"
    "  --timeout S     seconds a conversation may take once it has begun; default 300\n"
    "  --json          one JSON object\n"
    "\n"
    "Exits with 1 if a conversation failed. Times count from the moment a visitor was due, "
    "waiting\n"
    "for a slot included.\n";

enum {
    ROOM_REQUEST = 1024,
    FORGET_AT_ONCE = 16,
};

struct plan {
    struct bench_target target;
    size_t count;
    size_t pool;
    size_t tokens;
    double rate;
    int64_t timeout;
    bool only_pool;
    bool as_json;
    unsigned tag; /* of this process, in the names of its conversations */
};

/* One run in progress. */
struct load {
    const struct plan *plan;
    struct bench_run *run;
    struct weft_semaphore slots;
    unsigned number; /* of the run */
};

struct visit {
    struct load *load;
    size_t index;
};

static bool on_event(void *context, const char *name, const char *data)
{
    struct bench_conversation *conversation = context;
    if (strcmp(name, "token") == 0) {
        if (conversation->tokens++ == 0) {
            conversation->first_token = weft_now();
        }
    } else if (strcmp(name, "done") == 0) {
        conversation->done = true;
    } else if (strcmp(name, "failed") == 0) {
        snprintf(conversation->error, sizeof(conversation->error), "%.90s", data);
    }
    return true;
}

static void name_of(const struct load *load, size_t index, char *name, size_t size)
{
    snprintf(name, size, "bench-%08x-%u-%zu", load->plan->tag, load->number, index);
}

static int make_question(const struct load *load, size_t index, char *request, size_t size)
{
    char name[48];
    char body[160];
    name_of(load, index, name, sizeof(name));
    int length = snprintf(body, sizeof(body),
                          "{\"text\":\"Visitor %zu asks how a loom works. Answer in %zu tokens.\"}",
                          index + 1, load->plan->tokens);
    return snprintf(request, size,
                    "POST /conversations/%s/messages HTTP/1.1\r\nhost: %s\r\n"
                    "content-type: application/json\r\naccept: text/event-stream\r\n"
                    "connection: close\r\ncontent-length: %d\r\n\r\n%s",
                    name, load->plan->target.host, length, body);
}

static void ask(struct load *load, size_t index)
{
    struct bench_conversation *conversation = &load->run->conversations[index];
    struct bench_outcome outcome;
    char request[ROOM_REQUEST];
    int length = make_question(load, index, request, sizeof(request));
    conversation->begun = weft_now();
    WEFT_TIMEOUT(load->plan->timeout);
    bench_request(&load->plan->target, request, (size_t)length, on_event, conversation, &outcome);
    conversation->end = weft_now();
    if (conversation->done || *conversation->error) {
        return;
    }
    if (*outcome.error) {
        memcpy(conversation->error, outcome.error, sizeof(conversation->error));
    } else if (outcome.status != 200) {
        snprintf(conversation->error, sizeof(conversation->error), "HTTP %d", outcome.status);
    } else {
        snprintf(conversation->error, sizeof(conversation->error),
                 "the stream ended before the answer did");
    }
}

/* With a slot, where there is a pool. */
static int visit(void *argument)
{
    const struct visit *visit = argument;
    struct load *load = visit->load;
    if (load->run->slots && weft_semaphore_acquire(&load->slots) < 0) {
        return -1;
    }
    ask(load, visit->index);
    if (load->run->slots) {
        weft_semaphore_release(&load->slots);
    }
    return 0;
}

static double figure(const char *data, const char *name)
{
    const char *at = strstr(data, name);
    return at ? strtod(at + strlen(name), NULL) : 0;
}

static bool on_figures(void *context, const char *name, const char *data)
{
    struct bench_peak *peak = context;
    if (strcmp(name, "stats") == 0) {
        long conversations = (long)figure(data, "\"conversations\":");
        long fibers = (long)figure(data, "\"fibers\":");
        long threads = (long)figure(data, "\"threads\":");
        double memory = figure(data, "\"memory_bytes\":");
        double load = figure(data, "\"load\":");
        peak->conversations =
            conversations > peak->conversations ? conversations : peak->conversations;
        peak->fibers = fibers > peak->fibers ? fibers : peak->fibers;
        peak->threads = threads > peak->threads ? threads : peak->threads;
        peak->memory = memory > peak->memory ? memory : peak->memory;
        peak->load = load > peak->load ? load : peak->load;
    }
    return true;
}

/* Beside the load: what the server shows on its page. */
static int watch_figures(void *argument)
{
    struct load *load = *(struct load **)argument;
    struct bench_outcome outcome;
    char request[ROOM_REQUEST];
    int length = snprintf(request, sizeof(request), "GET /stats HTTP/1.1\r\nhost: %s\r\n\r\n",
                          load->plan->target.host);
    bench_request(&load->plan->target, request, (size_t)length, on_figures, &load->run->peak,
                  &outcome);
    return 0;
}

/* So that a load leaves nothing behind, and forgets no visitor's conversation. */
static int forget(void *argument)
{
    const struct visit *visit = argument;
    struct bench_outcome outcome;
    char request[ROOM_REQUEST];
    char name[48];
    name_of(visit->load, visit->index, name, sizeof(name));
    int length = snprintf(request, sizeof(request),
                          "DELETE /conversations/%s HTTP/1.1\r\nhost: %s\r\n"
                          "connection: close\r\n\r\n",
                          name, visit->load->plan->target.host);
    bench_request(&visit->load->plan->target, request, (size_t)length, NULL, NULL, &outcome);
    return 0;
}

static int forget_all(struct load *load)
{
    WEFT_AUTO(weft_scope)
    struct weft_scope scope = { .limit = FORGET_AT_ONCE, .keep_going = true, .reap = true };
    for (size_t i = 0; i < load->run->count; i++) {
        weft_go(&scope, forget, (struct visit){ load, i });
    }
    return weft_scope_wait(&scope);
}

static int let_them_come(struct load *load)
{
    struct bench_run *run = load->run;
    WEFT_AUTO(weft_scope) struct weft_scope visitors = { .keep_going = true, .reap = true };
    run->began = weft_now();
    for (size_t i = 0; i < run->count; i++) {
        int64_t wait = 0;
        if (run->rate > 0) {
            wait = (int64_t)((double)i / run->rate * (double)WEFT_SECOND);
        }
        run->conversations[i].arrival = run->began + wait;
        wait = run->conversations[i].arrival - weft_now();
        if (wait > 0 && weft_sleep(wait) < 0) {
            return -1;
        }
        weft_go(&visitors, visit, (struct visit){ load, i });
    }
    int result = weft_scope_wait(&visitors);
    run->ended = weft_now();
    return result;
}

static int run_load(void *argument)
{
    struct load *load = argument;
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true, .reap = true };
    if (!weft_go_transient(&scope, watch_figures, (struct load *){ load }) ||
        let_them_come(load) < 0) {
        return -1;
    }
    return forget_all(load);
}

static bool carry_out(const struct plan *plan, struct bench_run *run, unsigned number)
{
    struct load load = { .plan = plan, .run = run, .number = number };
    load.slots.permits = (int64_t)run->slots;
    if (!plan->as_json && isatty(STDERR_FILENO)) {
        fprintf(stderr, "%zu conversations, %s ...\n", run->count, run->name);
    }
    if (weft_run(run_load, &load) < 0) {
        const struct weft_error *error = weft_error();
        fprintf(stderr, "weft bench: %s\n", error ? error->message : strerror(errno));
        return false;
    }
    return true;
}

static bool read_number(const char *option, const char *text, double least, double most,
                        double *number)
{
    char *end;
    *number = strtod(text, &end);
    if (end == text || *end || !(*number >= least && *number <= most)) {
        fprintf(stderr, "weft bench: %s wants a number from %g to %g, not '%s'\n", option, least,
                most, text);
        return false;
    }
    return true;
}

enum choice {
    URL = 256,
    RATE,
    TOKENS,
    POOL,
    ONLY_POOL,
    TIME,
    JSON,
    HELP,
};

static const struct option OPTIONS[] = {
    { "url", required_argument, NULL, URL },
    { "rate", required_argument, NULL, RATE },
    { "tokens", required_argument, NULL, TOKENS },
    { "pool", required_argument, NULL, POOL },
    { "only-pool", no_argument, NULL, ONLY_POOL },
    { "timeout", required_argument, NULL, TIME },
    { "json", no_argument, NULL, JSON },
    { "help", no_argument, NULL, HELP },
    { 0 },
};

static bool read_option(struct plan *plan, int option, const char *text, const char **url)
{
    double number = 0;
    bool right = true;
    switch (option) {
    case 'n':
        right = read_number("-n", text, 1, 20000, &number);
        plan->count = (size_t)number;
        break;
    case URL:
        *url = text;
        break;
    case RATE:
        right = read_number("--rate", text, 0, 1e6, &plan->rate);
        break;
    case TOKENS:
        right = read_number("--tokens", text, 1, 8192, &number);
        plan->tokens = (size_t)number;
        break;
    case POOL:
        right = read_number("--pool", text, 1, 20000, &number);
        plan->pool = (size_t)number;
        break;
    case TIME:
        right = read_number("--timeout", text, 0.1, 86400, &number);
        plan->timeout = (int64_t)(number * (double)WEFT_SECOND);
        break;
    case ONLY_POOL:
        plan->only_pool = true;
        break;
    case JSON:
        plan->as_json = true;
        break;
    default:
        right = false;
    }
    return right;
}

/* 0: go on; else the exit status plus 1. */
static int read_plan(struct plan *plan, int argc, char **argv)
{
    const char *url = "http://127.0.0.1:9292";
    int option;
    while ((option = getopt_long(argc, argv, "n:", OPTIONS, NULL)) != -1) {
        if (option == HELP) {
            fputs(USAGE, stdout);
            return 1;
        }
        if (!read_option(plan, option, optarg, &url)) {
            fprintf(stderr, "weft bench: see weft bench conversations --help\n");
            return 3;
        }
    }
    if (optind < argc || (plan->only_pool && plan->pool == 0)) {
        fprintf(stderr,
                optind < argc ? "weft bench: '%s' is no option (see --help)\n"
                              : "weft bench: --only-pool wants a --pool%s\n",
                optind < argc ? argv[optind] : "");
        return 3;
    }
    return bench_find(&plan->target, url) ? 0 : 3;
}

static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int bench_conversations(int argc, char **argv)
{
    struct plan plan = { .count = 1000, .tokens = 60, .rate = 1000, .timeout = 300 * WEFT_SECOND };
    char pool_name[32];
    int status = read_plan(&plan, argc, argv);
    if (status) {
        return status - 1;
    }
    plan.tag = (unsigned)getpid() ^ (unsigned)time(NULL) << 12;
    raise_descriptors();
    signal(SIGPIPE, SIG_IGN);
    snprintf(pool_name, sizeof(pool_name), "a pool of %zu", plan.pool);
    struct bench_run runs[2] = { { .name = "a fiber each" }, { .name = pool_name } };
    runs[1].slots = plan.pool;
    size_t first = plan.only_pool ? 1 : 0;
    size_t last = plan.pool ? 2 : 1;
    size_t failures = 0;
    bool ran = true;
    for (size_t i = first; ran && i < last; i++) {
        runs[i].count = plan.count;
        runs[i].rate = plan.rate;
        runs[i].conversations = calloc(plan.count, sizeof(*runs[i].conversations));
        ran = runs[i].conversations && carry_out(&plan, &runs[i], (unsigned)i);
        failures += ran ? bench_failures(&runs[i]) : 0;
    }
    if (ran && plan.as_json) {
        bench_print_json(&plan.target, runs + first, last - first);
    } else if (ran) {
        bench_print(&plan.target, runs + first, last - first);
    }
    free(runs[0].conversations);
    free(runs[1].conversations);
    return !ran || failures > 0;
}
