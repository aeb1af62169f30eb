/* The client over TLS: whom it believes, what it shows, sessions that are resumed. */
#include <sys/stat.h>

#include "client_test.h"

static char folder[] = "/tmp/weft-client-tls-XXXXXX";
static struct wire server;

static void run(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void run(const char *format, ...)
{
    char command[1024];
    char line[1200];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof(command), format, args);
    va_end(args);
    snprintf(line, sizeof(line), "cd %s && { %s; } >/dev/null 2>&1", folder, command);
    must(system(line) == 0, "running: %s", command);
}

static const char *at(const char *name)
{
    static char paths[8][128];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

#define NEW_KEY "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"

static void make_certificates(void)
{
    must(mkdtemp(folder), "a folder");
    run("openssl req -x509 " NEW_KEY " -keyout ca.key -out ca.pem -subj /CN=Authority -days 2");
    run("openssl req -x509 " NEW_KEY " -keyout other.key -out other.pem -subj /CN=Other -days 2");
    run("openssl req -new " NEW_KEY " -keyout one.key -out one.csr -subj /CN=one");
    run("printf 'subjectAltName=DNS:one.test,IP:127.0.0.1\\n' >one.ext");
    run("openssl x509 -req -in one.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out one.pem "
        "-days 2 -extfile one.ext");
    run("openssl req -new " NEW_KEY " -keyout anna.key -out anna.csr -subj /CN=anna");
    run("openssl x509 -req -in anna.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out anna.pem "
        "-days 2");
    run("printf sha256/ >pin; openssl x509 -in one.pem -pubkey -noout | openssl pkey -pubin "
        "-outform der | openssl dgst -sha256 -binary | base64 | tr -d '\\n' >>pin");
}

static struct weft_http_client *make(const char *scheme, struct weft_http_client_tls tls,
                                     struct weft_http_client_options options)
{
    char url[64];
    snprintf(url, sizeof(url), "%s://127.0.0.1:%d", scheme, server.port);
    options.url = url;
    options.tls = &tls;
    return weft_http_client_new(&options);
}

/* 0 with "https NAME" in text; the code of the failure. */
static int ask(struct weft_http_client *client, char text[128])
{
    must(client, "a client: %s", weft_error() ? weft_error()->message : "");
    struct weft_http_response *response = weft_http_client_get(client, "/client", NULL);
    text[0] = '\0';
    if (!response) {
        diag("%s", weft_error()->message);
        return client_error();
    }
    snprintf(text, 128, "%s", client_text(response));
    weft_http_response_close(response);
    return 0;
}

static int ask_once(const char *scheme, struct weft_http_client_tls tls, char text[128])
{
    struct weft_http_client *client =
        make(scheme, tls, (struct weft_http_client_options){ .retries = -1 });
    int result = ask(client, text);
    int error = errno;
    weft_http_client_free(client);
    errno = error;
    return result;
}

static void check_trust(void)
{
    char text[128];
    struct weft_http_client_tls tls = { .authorities = at("ca.pem") };
    ok(ask_once("https", tls, text) == 0 && strcmp(text, "https (nobody)\n") == 0,
       "a server of a trusted authority is believed");
    tls.name = "one.test";
    is_int(ask_once("https", tls, text), 0, "also by another of its names");
    tls.name = "two.test";
    ok(ask_once("https", tls, text) == WEFT_HTTP_ERROR_CERTIFICATE && errno == EKEYREJECTED,
       "not by a name that is not in its certificate");
    tls = (struct weft_http_client_tls){ .authorities = at("other.pem") };
    is_int(ask_once("https", tls, text), WEFT_HTTP_ERROR_CERTIFICATE, "nor of another authority");
    tls = (struct weft_http_client_tls){ 0 };
    is_int(ask_once("https", tls, text), WEFT_HTTP_ERROR_CERTIFICATE, "the system's don't know it");
    tls.insecure = true;
    is_int(ask_once("https", tls, text), 0, "unless whoever answers is believed");
}

static void check_pins(void)
{
    char text[128];
    char pin[64] = "";
    FILE *file = fopen(at("pin"), "r");
    must(file && fgets(pin, sizeof(pin), file), "the pin");
    fclose(file);
    const char *const right[] = { "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", pin,
                                  NULL };
    const char *const wrong[] = { right[0], NULL };
    struct weft_http_client_tls tls = { .authorities = at("ca.pem"), .pins = right };
    is_int(ask_once("https", tls, text), 0, "a pinned key is believed");
    tls.pins = wrong;
    is_int(ask_once("https", tls, text), WEFT_HTTP_ERROR_CERTIFICATE, "another is not");
    const char *const malformed[] = { "sha1/x", NULL };
    tls.pins = malformed;
    ok(!make("https", tls, (struct weft_http_client_options){ 0 }) && errno == EINVAL,
       "a malformed pin is refused at once");
}

static void check_shown(void)
{
    char text[128];
    struct weft_http_client_tls tls = { .authorities = at("ca.pem"),
                                        .certificate = at("anna.pem"),
                                        .key = at("anna.key") };
    ok(ask_once("https", tls, text) == 0 && strstr(text, "CN=anna"),
       "a client shows its certificate");
    tls.key = at("one.key");
    ok(!make("https", tls, (struct weft_http_client_options){ 0 }) && errno == EINVAL,
       "with another's key there is no client");
    tls = (struct weft_http_client_tls){ .authorities = at("nothing.pem") };
    ok(!make("https", tls, (struct weft_http_client_options){ 0 }) && errno == EINVAL &&
           strstr(weft_error()->message, "nothing.pem"),
       "nor with authorities that can't be read");
}

static void check_resumed(void)
{
    char text[128];
    struct weft_http_client_stats stats;
    struct weft_http_client_tls tls = { .authorities = at("ca.pem") };
    struct weft_http_client *client =
        make("https", tls, (struct weft_http_client_options){ .keep_alive = 1 });
    for (int i = 0; i < 3; i++) {
        must(ask(client, text) == 0, "asking");
    }
    weft_http_client_stats(client, &stats);
    is_int(stats.opened, 3, "three connections");
    is_int(stats.resumed, 2, "two of which resume a session");
    weft_http_client_free(client);

    client = make("https", tls, (struct weft_http_client_options){ 0 });
    for (int i = 0; i < 5; i++) {
        must(ask(client, text) == 0, "asking");
    }
    weft_http_client_stats(client, &stats);
    is_int(stats.opened, 1, "a kept one is used again, although tickets came on it meanwhile");
    weft_http_client_free(client);
}

static void check_wrong_port(void)
{
    char text[128];
    struct wire plain;
    wire_start(&plain, (struct weft_http_options){ 0 });
    int port = server.port;
    server.port = plain.port;
    ok(ask_once("https", (struct weft_http_client_tls){ 0 }, text) == WEFT_HTTP_ERROR_TLS &&
           strstr(weft_error()->message, "does the server speak TLS"),
       "a server without TLS is told as such");
    server.port = port;
    wire_stop(&plain);
}

static void check_body(void)
{
    struct weft_http_client_tls tls = { .authorities = at("ca.pem") };
    struct weft_http_client *client = make("https", tls, (struct weft_http_client_options){ 0 });
    size_t size = (size_t)900 << 10;
    char *large = malloc(size);
    must(large, "memory");
    memset(large, 'y', size);
    struct weft_http_response *response = weft_http_client_post(
        client, "/pieces", &(struct weft_http_request_options){ .data = large, .length = size });
    must(response, "a large POST: %s", weft_error() ? weft_error()->message : "");
    size_t length = 0;
    char *text = weft_http_response_read(response, size, &length);
    ok(text && length == size && memcmp(text, large, size) == 0,
       "a body goes out while it comes back");
    weft_http_response_close(response);
    free(large);
    weft_http_client_free(client);
}

/* The file of a debugger has the secrets of a handshake, and is its owner's alone. */
static void check_key_log(void)
{
    char text[128];
    char line[512] = "";
    struct stat status;
    setenv("SSLKEYLOGFILE", at("secrets"), 1);
    is_int(ask_once("https", (struct weft_http_client_tls){ .authorities = at("ca.pem") }, text), 0,
           "a handshake whose secrets are told");
    unsetenv("SSLKEYLOGFILE");
    FILE *file = fopen(at("secrets"), "re");
    must(file, "the file of secrets");
    while (fgets(line, sizeof(line), file) && !strstr(line, "CLIENT_HANDSHAKE_TRAFFIC_SECRET ")) {
    }
    ok(strncmp(line, "CLIENT_HANDSHAKE_TRAFFIC_SECRET ", 32) == 0, "are in the file");
    fclose(file);
    ok(stat(at("secrets"), &status) == 0 && (status.st_mode & 077) == 0, "which is ours alone");
    unlink(at("secrets"));
}

static int everything(void *argument)
{
    (void)argument;
    check_trust();
    check_pins();
    check_shown();
    check_resumed();
    check_wrong_port();
    check_body();
    check_key_log();
    return 0;
}

int main(void)
{
    make_certificates();
    const struct weft_http_certificate one = { at("one.pem"), at("one.key") };
    const struct weft_http_tls tls = {
        .certificates = &one, .count = 1, .client_authority = at("ca.pem"), .client_optional = true
    };
    wire_start(&server, (struct weft_http_options){ .tls = &tls });
    must(weft_run(everything, NULL) == 0, "in a fiber");
    everything(NULL);
    wire_stop(&server);
    run("cd / && rm -r %s", folder);
    return done_testing();
}
