/* The access log and the figures: what they say, and that trouble with a file stops nothing. */
#include <fcntl.h>
#include <sys/stat.h>

#include "chain.h"

static char lines[1 << 16];
static atomic_size_t filled;

static void keep_line(const char *line, size_t length, void *context)
{
    (void)context;
    must(filled + length + 2 < sizeof(lines), "room for lines");
    memcpy(lines + filled, line, length);
    lines[filled + length] = '\n';
    lines[filled + length + 1] = '\0';
    filled += length + 1;
}

static const char *last_line(void)
{
    for (int i = 0; i < WIRE_PATIENCE && filled == 0; i++) {
        usleep(1000);
    }
    usleep(1000);
    static char copy[sizeof(lines)];
    snprintf(copy, sizeof(copy), "%s", lines);
    filled = 0;
    return copy;
}

static void check_forms(void)
{
    for (int json = 0; json < 2; json++) {
        const struct weft_http_access_log_options options = {
            .format = json ? WEFT_HTTP_LOG_JSON : WEFT_HTTP_LOG_COMBINED, .write = keep_line
        };
        struct weft_http_handler *chain =
            weft_http_access_log_new(&options, weft_http_request_id_new(true, app_make()));
        struct wire wire;
        chain_start(&wire, chain);
        ask(&wire, "GET", "/?name=x",
            "Referer: r\r\nUser-Agent: a \"\\\xc3\t\r\nX-Request-Id: i1\r\n%s", "");
        const char *line = last_line();
        ok(json ? strstr(line, "\"peer\":\"127.0.0.1:") && strstr(line, "\"status\":200") &&
                      strstr(line, "\"bytes\":10,") && strstr(line, "\"id\":\"i1\"") &&
                      strstr(line, "\"agent\":\"a \\u0022\\u005c\\u00c3\"") &&
                      strstr(line, "\"protocol\":\"HTTP/1.1\"") && strstr(line, "\"duration\":0.")
                : strncmp(line, "127.0.0.1 - - [", 15) == 0 &&
                      strstr(line, "\"GET /?name=x HTTP/1.1\" 200 10 \"r\" "
                                   "\"a \\x22\\x5c\\xc3\"\n"),
           "a line: %s", line);
        ask(&wire, "GET", "/fail", "%s", "");
        ok(strstr(last_line(), json ? "\"status\":500" : " 500 "), "a handler that has failed");
        ask(&wire, "GET", "/count?n=3", "%s", "");
        ok(strstr(last_line(), json ? "\"bytes\":6," : " 200 6 "), "a body that is written");
        ask(&wire, "HEAD", "/", "%s", "");
        ok(strstr(last_line(), json ? "\"bytes\":0," : " 200 0 "), "HEAD");
        chain_stop(&wire, chain);
    }
}

static bool file_has(const char *path, const char *wanted)
{
    for (int i = 0; i < WIRE_PATIENCE; i++) {
        static char content[1 << 16];
        int fd = open(path, O_RDONLY);
        ssize_t got = fd >= 0 ? read(fd, content, sizeof(content) - 1) : -1;
        close(fd);
        content[got > 0 ? got : 0] = '\0';
        if (strstr(content, wanted)) {
            return true;
        }
        usleep(1000);
    }
    return false;
}

static atomic_int told;

static void count_errors(void *context, enum weft_log_level level, const char *line)
{
    (void)context;
    told += level == WEFT_LOG_ERROR && strstr(line, "can't be written") != NULL;
}

static bool loses(struct weft_http_log_file *file, uint64_t count)
{
    struct weft_http_log_file_stats stats;
    for (int i = 0; i < WIRE_PATIENCE; i++) {
        weft_http_log_file_stats(file, &stats);
        if (stats.lost == count) {
            return true;
        }
        usleep(1000);
    }
    return false;
}

static void check_file(void)
{
    char path[] = "/tmp/weft-log-XXXXXX";
    char moved[64];
    struct weft_http_log_file_stats stats;
    must(close(mkstemp(path)) == 0, "a file");
    snprintf(moved, sizeof(moved), "%s.1", path);
    struct weft_http_log_file *file = weft_http_log_file_open(path, 64);
    must(file, "opening it");
    is_int(weft_http_log_file_write(file, "one", 3), 0, "a line is taken");
    ok(file_has(path, "one\n"), "and written");
    must(rename(path, moved) == 0, "rotation");
    weft_http_log_file_reopen(file);
    while (access(path, F_OK) < 0) {
        usleep(1000);
    }
    weft_http_log_file_write(file, "two", 3);
    ok(file_has(path, "two\n") && !strstr(path, "one"), "after a rotation the new file is written");
    char large[64];
    memset(large, 'x', sizeof(large));
    ok(weft_http_log_file_write(file, large, sizeof(large)) < 0 && errno == ENOBUFS,
       "a line beyond the limit is refused");
    ok(weft_http_log_file_write(file, large, sizeof(large) - 1) == 0, "one at the limit is not");
    weft_http_log_file_stats(file, &stats);
    is_int(stats.lost, 1, "and counted");
    weft_http_log_file_close(file);
    ok(file_has(path, "xxx\n"), "closing writes what waits");
    unlink(path);
    unlink(moved);

    weft_log_set(count_errors, NULL, WEFT_LOG_INFO);
    file = weft_http_log_file_open("/dev/full", 0);
    must(file, "a full disk");
    for (int i = 0; i < 5; i++) {
        weft_http_log_file_write(file, "lost", 4);
        ok(loses(file, (uint64_t)i + 1), "a line that a full disk refuses is counted");
    }
    is_int(told, 1, "and told once");
    weft_http_log_file_close(file);
    weft_log_set(NULL, NULL, WEFT_LOG_INFO);
    ok(!weft_http_log_file_open("/nowhere/log", 0) && errno == ENOENT, "a path that is none");
}

static void check_figures(void)
{
    struct weft_http_metrics *metrics = weft_http_metrics_new();
    struct weft_http_route routes[] = {
        { "GET", "/metrics", *weft_http_metrics_page(metrics) },
        { NULL, "/items/:id", app_routes[0].handler },
        { "GET", "/fail", { .call = app_fail } },
    };
    struct weft_http_router router;
    must(weft_http_router_init(&router, routes, 3) == 0, "routes");
    struct weft_http_handler *chain = weft_http_metrics_measure_new(metrics, &router.handler);
    struct wire wire;
    chain_start(&wire, chain);
    weft_http_metrics_server(metrics, wire.server);
    for (int i = 0; i < 3; i++) {
        ask(&wire, "GET", i ? "/items/1" : "/items/2", "%s", "");
    }
    ask(&wire, "BREW", "/items/3", "%s", "");
    ask(&wire, "GET", "/fail", "%s", "");
    ask(&wire, "GET", "/nothing/here", "%s", "");
    const char *page = ask(&wire, "GET", "/metrics", "%s", "");
    ok(has(page, "content-type: text/plain; version=0.0.4; charset=utf-8"), "the page's type");
    static const char *const LINES[] = {
        "weft_http_requests_total{method=\"GET\",code=\"2xx\",route=\"/items/:id\"} 3\n",
        "weft_http_requests_total{method=\"other\",code=\"2xx\",route=\"/items/:id\"} 1\n",
        "weft_http_requests_total{method=\"GET\",code=\"5xx\",route=\"/fail\"} 1\n",
        "weft_http_requests_total{method=\"GET\",code=\"4xx\",route=\"none\"} 1\n",
        "weft_http_request_duration_seconds_bucket{route=\"/items/:id\",le=\"+Inf\"} 4\n",
        "weft_http_request_duration_seconds_count{route=\"/items/:id\"} 4\n",
        "weft_http_requests_active 1\n",
        "weft_http_connections 1\n",
        "# TYPE weft_http_request_duration_seconds histogram\n",
        "weft_stalls_total ",
        "weft_loop_load_percent ",
    };
    for (size_t i = 0; i < sizeof(LINES) / sizeof(*LINES); i++) {
        ok(strstr(page, LINES[i]), "it says %.90s", LINES[i]);
    }
    chain_stop(&wire, chain);
    weft_http_metrics_free(metrics);
}

int main(void)
{
    check_forms();
    check_file();
    check_figures();
    return done_testing();
}
