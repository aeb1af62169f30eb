/* weft-chat: a page on which people talk with a model, served from one thread. */
#include <curl/curl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/service.h"
#include "chat.h"

static const char USAGE[] =
    "usage: weft-chat [--port N] [--simulator URL]\n"
    "\n"
    "Serves the chat on 127.0.0.1, port 9292 unless said otherwise (0: a free one), until INT or\n"
    "TERM. Who answers:\n"
    "\n"
    "  --simulator URL      a running weft-llm-sim, such as http://127.0.0.1:9393/v1\n"
    "  OPENAI_BASE_URL      any provider of Chat Completions; default https://api.openai.com/v1\n"
    "  OPENAI_API_KEY       its key\n"
    "  OPENAI_MODEL         its model; default gpt-4o-mini, or the simulator's weft-sim\n";

enum {
    PORT_USUAL = 9292,
    PORT = 256,
    SIMULATOR,
    HELP,
};

#define GRACE (5 * WEFT_SECOND)

static const struct option OPTIONS[] = {
    { "port", required_argument, NULL, PORT },
    { "simulator", required_argument, NULL, SIMULATOR },
    { "help", no_argument, NULL, HELP },
    { 0 },
};

static struct weft_http_route routes[] = {
    { "POST", "/conversations/:id/messages", { .call = chat_post_message } },
    { "GET", "/conversations/:id", { .call = chat_get_conversation } },
    { "DELETE", "/conversations/:id", { .call = chat_delete_conversation } },
    { "GET", "/stats", { .call = figures_stream } },
    { "GET", "/*file", { .call = chat_get_page } },
};

static const char *setting(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static bool choose_provider(const char *simulator)
{
    const char *model = setting("OPENAI_MODEL");
    chat_provider.key = setting("OPENAI_API_KEY");
    chat_provider.base_url = simulator ? simulator : setting("OPENAI_BASE_URL");
    chat_provider.kind = simulator ? "simulator" : "openai-compatible";
    chat_provider.model = model ? model : simulator ? "weft-sim" : "gpt-4o-mini";
    if (simulator) {
        chat_provider.key = NULL; /* a real key is not for it */
    } else if (!chat_provider.base_url && !chat_provider.key) {
        fprintf(stderr, "weft-chat: nobody is there to answer: set OPENAI_API_KEY or "
                        "OPENAI_BASE_URL, or give --simulator (./dev run starts both)\n");
        return false;
    }
    if (!chat_provider.base_url) {
        chat_provider.base_url = "https://api.openai.com/v1";
    }
    if (!text_is_utf8(chat_provider.model, strlen(chat_provider.model)) ||
        strlen(chat_provider.model) > 256) {
        fprintf(stderr, "weft-chat: OPENAI_MODEL must be UTF-8 of at most 256 bytes\n");
        return false;
    }
    return true;
}

static int serve(int port)
{
    char address[32];
    struct weft_http_router router;
    if (weft_http_router_init(&router, routes, sizeof(routes) / sizeof(routes[0])) < 0) {
        fprintf(stderr, "weft-chat: %s\n", weft_error()->message);
        return 1;
    }
    snprintf(address, sizeof(address), "127.0.0.1:%d", port);
    const struct service service = {
        .name = "weft-chat",
        .greeting = "http://127.0.0.1:%d/",
        .options = { .handler = &router.handler,
                     .address = address,
                     .max_body = BODY_MOST,
                     .grace = GRACE },
        .background = figures_run,
    };
    return service_run(&service);
}

int main(int argc, char **argv)
{
    const char *simulator = NULL;
    double port = PORT_USUAL;
    int option;
    while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
        if (option == HELP) {
            fputs(USAGE, stdout);
            return 0;
        }
        if (option == SIMULATOR) {
            simulator = optarg;
        } else if (option != PORT || !service_number("--port", optarg, 0, 65535, &port)) {
            fprintf(stderr, "weft-chat: see weft-chat --help\n");
            return 2;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "weft-chat: '%s' is no option (see --help)\n", argv[optind]);
        return 2;
    }
    if (!choose_provider(simulator)) {
        return 2;
    }
    /* One thread, and none that watches it: WEFT_WATCHDOG=10 brings that one back. */
    setenv("WEFT_WATCHDOG", "off", 0);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    int status = serve((int)port);
    curl_global_cleanup();
    return status;
}
