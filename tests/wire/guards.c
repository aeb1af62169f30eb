/* Who may ask, what browsers are told, conditions, cookies and forms: answers looked at as bytes.
 */
#include "chain.h"

static void check_cors(void)
{
    static const char *const ORIGINS[] = { "https://a.example", "null" };
    const struct weft_http_cors_options options = { .origins = ORIGINS,
                                                    .origin_count = 2,
                                                    .methods = "GET, PUT",
                                                    .headers = "content-type",
                                                    .expose = "x-a",
                                                    .credentials = true,
                                                    .max_age = 60 * WEFT_SECOND };
    struct weft_http_handler *chain = weft_http_cors_new(&options, app_make());
    struct wire wire;
    chain_start(&wire, chain);
    const char *answer = ask(&wire, "GET", "/", "Origin: https://a.example\r\n");
    ok(wire_status(answer) == 200 &&
           has(answer, "access-control-allow-origin: https://a.example") &&
           has(answer, "access-control-allow-credentials: true") &&
           has(answer, "access-control-expose-headers: x-a") && has(answer, "vary: origin"),
       "CORS: a listed origin is let in");
    answer = ask(&wire, "GET", "/", "Origin: https://a.example.org\r\n");
    ok(wire_status(answer) == 200 && !names(answer, "access-control-allow-origin") &&
           has(answer, "vary: origin"),
       "CORS: another one is not, and caches know");
    answer = ask(&wire, "GET", "/", "%s", "");
    ok(!names(answer, "access-control-allow-origin") && has(answer, "vary: origin"),
       "CORS: nor is none");
    answer = ask(&wire, "OPTIONS", "/", "Origin: null\r\nAccess-Control-Request-Method: PUT\r\n");
    ok(wire_status(answer) == 204 && has(answer, "access-control-allow-origin: null") &&
           has(answer, "access-control-allow-methods: GET, PUT") &&
           has(answer, "access-control-allow-headers: content-type") &&
           has(answer, "access-control-max-age: 60"),
       "CORS: a preflight request is answered");
    answer =
        ask(&wire, "OPTIONS", "/", "Origin: https://b\r\nAccess-Control-Request-Method: PUT\r\n");
    ok(wire_status(answer) == 204 && !names(answer, "access-control-allow-methods"),
       "CORS: that of a stranger says nothing");
    chain_stop(&wire, chain);

    static const char *const ALL[] = { "*" };
    const struct weft_http_cors_options bad = { .origins = ALL,
                                                .origin_count = 1,
                                                .credentials = true };
    ok(!weft_http_cors_new(&bad, app_make()) && errno == EINVAL, "CORS: no credentials for all");
}

static int set_frame(struct weft_http_handler *handler, struct weft_http_request *request,
                     struct weft_http_response *response)
{
    (void)handler;
    weft_http_headers_set(&response->headers, "x-frame-options", "DENY");
    const char *id = weft_http_headers_get(&request->headers, "x-request-id");
    return weft_http_response_text(response, 200, "%s", id ? id : "none");
}

static void check_headers(void)
{
    static struct weft_http_handler handler = { .call = set_frame };
    const struct weft_http_security_options options = { .transport_age = 60 * WEFT_SECOND };
    struct weft_http_handler *chain =
        weft_http_request_id_new(true, weft_http_security_headers_new(&options, &handler));
    struct wire wire;
    chain_start(&wire, chain);
    const char *answer = ask(&wire, "GET", "/", "X-Request-ID: abc-1\r\n");
    ok(has(answer, "x-content-type-options: nosniff") && has(answer, "x-frame-options: DENY") &&
           !has(answer, "x-frame-options: SAMEORIGIN") &&
           !names(answer, "strict-transport-security") && names(answer, "referrer-policy"),
       "security headers: the handler's own stay, HSTS over https only");
    ok(has(answer, "x-request-id: abc-1") && strcmp(wire_body(answer), "abc-1") == 0,
       "a request's id is taken over");
    answer = ask(&wire, "GET", "/", "X-Request-ID: a b\r\n");
    ok(!has(answer, "x-request-id: a b") && strlen(wire_body(answer)) == 32,
       "one with a blank is replaced");
    char longest[WEFT_HTTP_REQUEST_ID_MAX + 2];
    memset(longest, 'x', sizeof(longest));
    longest[WEFT_HTTP_REQUEST_ID_MAX] = '\0';
    answer = ask(&wire, "GET", "/", "X-Request-ID: %s\r\n", longest);
    is_int(strlen(wire_body(answer)), WEFT_HTTP_REQUEST_ID_MAX, "the longest id is taken");
    answer = ask(&wire, "GET", "/", "X-Request-ID: x%s\r\n", longest);
    is_int(strlen(wire_body(answer)), 32, "a longer one is not");
    chain_stop(&wire, chain);
}

static int ask_host(const struct wire *wire, const char *host)
{
    char bytes[256];
    int length = snprintf(bytes, sizeof(bytes),
                          "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", host);
    wire_exchange(wire, bytes, (size_t)length, chain_answer, sizeof(chain_answer));
    return wire_status(chain_answer);
}

static void check_hosts(void)
{
    static const char *const HOSTS[] = { "a.example", "*.b.example", "[::1]" };
    struct weft_http_handler *chain = weft_http_hosts_new(HOSTS, 3, app_make());
    struct wire wire;
    chain_start(&wire, chain);
    static const struct {
        const char *host;
        int status;
    } ALL[] = { { "a.example", 200 },   { "A.EXAMPLE:80", 200 },  { "a.example.", 200 },
                { "x.b.example", 200 }, { "x.y.b.example", 200 }, { "[::1]:8080", 200 },
                { "b.example", 421 },   { "xb.example", 421 },    { "a.example.org", 421 },
                { "evil.org", 421 },    { ".b.example", 421 } };
    for (size_t i = 0; i < sizeof(ALL) / sizeof(*ALL); i++) {
        is_int(ask_host(&wire, ALL[i].host), ALL[i].status, "host %s", ALL[i].host);
    }
    chain_stop(&wire, chain);
}

static int check_password(struct weft_http_request *request, const char *user, const char *password,
                          void *context)
{
    (void)request, (void)context;
    return strcmp(user, "anna") == 0 && weft_http_secret_equal(password, "s:cret");
}

static int check_token(struct weft_http_request *request, const char *token, void *context)
{
    (void)request, (void)context;
    return weft_http_secret_equal(token, "t0ken");
}

static void check_auth(void)
{
    const struct weft_http_auth_options options = { .realm = "here",
                                                    .password = check_password,
                                                    .token = check_token };
    struct weft_http_handler *chain = weft_http_auth_new(&options, app_make());
    struct wire wire;
    chain_start(&wire, chain);
    static const struct {
        const char *field;
        int status;
    } ALL[] = {
        { "", 401 },
        { "Authorization: Basic YW5uYTpzOmNyZXQ=\r\n", 200 },
        { "Authorization: basic   YW5uYTpzOmNyZXQ=\r\n", 200 },
        { "Authorization: Basic YW5uYTpzOmNyZXQ\r\n", 401 },
        { "Authorization: Basic YW5uYTp4\r\n", 401 },
        { "Authorization: Basic YW5uYQ==\r\n", 401 },
        { "Authorization: Basic YW4AbmE6\r\n", 401 },
        { "Authorization: Bearer t0ken\r\n", 200 },
        { "Authorization: Bearer t0ken2\r\n", 401 },
        { "Authorization: Bearer t0ke\r\n", 401 },
        { "Authorization: Bearer \r\n", 401 },
        { "Authorization: Digest x\r\n", 401 },
    };
    for (size_t i = 0; i < sizeof(ALL) / sizeof(*ALL); i++) {
        const char *answer = ask(&wire, "GET", "/", "%s", ALL[i].field);
        is_int(wire_status(answer), ALL[i].status, "auth: %.40s", ALL[i].field);
        ok(ALL[i].status == 200 ||
               (has(answer, "www-authenticate: Basic realm=\"here\", charset=\"UTF-8\"") &&
                has(answer, "www-authenticate: Bearer realm=\"here\"")),
           "and what would do");
    }
    chain_stop(&wire, chain);
    ok(!weft_http_secret_equal("", "") && !weft_http_secret_equal(NULL, "a") &&
           !weft_http_secret_equal("aa", "a") && !weft_http_secret_equal("", "a") &&
           weft_http_secret_equal("ab", "ab"),
       "secrets");
}

static int versioned(struct weft_http_handler *handler, struct weft_http_request *request,
                     struct weft_http_response *response)
{
    (void)handler;
    const struct weft_http_validators validators = {
        .etag = weft_http_request_query(request, "weak") ? "W/\"v1\"" : "\"v1\"",
        .modified = 784111777,
        .missing = weft_http_request_query(request, "missing") != NULL,
    };
    int done = weft_http_conditional(request, response, &validators);
    return done ? done < 0 ? -1 : 0 : weft_http_response_text(response, 200, "body");
}

static void check_conditions(void)
{
    static struct weft_http_handler handler = { .call = versioned };
    struct wire wire;
    chain_start(&wire, &handler);
#define SAME "Sun, 06 Nov 1994 08:49:37 GMT"
#define BEFORE "Sun, 06 Nov 1994 08:49:36 GMT"
    static const struct {
        const char *method;
        const char *target;
        const char *fields;
        int status;
    } ALL[] = {
        { "GET", "/", "", 200 },
        { "GET", "/", "If-None-Match: \"v1\"\r\n", 304 },
        { "GET", "/", "If-None-Match: \"v0\", W/\"v1\"\r\n", 304 },
        { "GET", "/", "If-None-Match: \"v0\"\r\nIf-None-Match: \"v1\"\r\n", 304 },
        { "GET", "/", "If-None-Match: *\r\n", 304 },
        { "GET", "/?missing", "If-None-Match: *\r\n", 200 },
        { "GET", "/", "If-None-Match: \"v0\"\r\nIf-Modified-Since: " SAME "\r\n", 200 },
        { "PUT", "/", "If-None-Match: *\r\n", 412 },
        { "GET", "/", "If-Match: \"v1\"\r\n", 200 },
        { "GET", "/?weak", "If-Match: W/\"v1\"\r\n", 412 },
        { "PUT", "/", "If-Match: \"v0\"\r\n", 412 },
        { "PUT", "/?missing", "If-Match: *\r\n", 412 },
        { "PUT", "/", "If-Match: *\r\n", 200 },
        { "PUT", "/", "If-Unmodified-Since: " BEFORE "\r\n", 412 },
        { "PUT", "/", "If-Unmodified-Since: " SAME "\r\n", 200 },
        { "PUT", "/", "If-Match: \"v1\"\r\nIf-Unmodified-Since: " BEFORE "\r\n", 200 },
        { "HEAD", "/", "If-Modified-Since: " SAME "\r\n", 304 },
        { "GET", "/", "If-Modified-Since: " BEFORE "\r\n", 200 },
        { "GET", "/", "If-Modified-Since: yesterday\r\n", 200 },
        { "POST", "/", "If-Modified-Since: " SAME "\r\n", 200 },
    };
    for (size_t i = 0; i < sizeof(ALL) / sizeof(*ALL); i++) {
        const char *answer = ask(&wire, ALL[i].method, ALL[i].target, "%s", ALL[i].fields);
        ok(wire_status(answer) == ALL[i].status && names(answer, "etag") &&
               has(answer, "last-modified: " SAME),
           "%s %s with %.60s: %d", ALL[i].method, ALL[i].target, ALL[i].fields, ALL[i].status);
    }
    wire_stop(&wire);
}

static int bake(struct weft_http_handler *handler, struct weft_http_request *request,
                struct weft_http_response *response)
{
    (void)handler;
    const struct weft_http_cookie good = {
        .name = "__Host-a", .value = "1", .secure = true, .max_age = 60 * WEFT_SECOND
    };
    const struct weft_http_cookie gone = { .name = "b",
                                           .value = "",
                                           .path = "/x",
                                           .max_age = -1,
                                           .same_site = WEFT_HTTP_SAME_SITE_STRICT,
                                           .script = true };
    const struct weft_http_cookie bad[] = {
        { .name = "a b", .value = "" },
        { .name = "a", .value = "x;y" },
        { .name = "a", .value = "x", .path = "/\r\nx: y" },
        { .name = "a", .value = "x", .same_site = WEFT_HTTP_SAME_SITE_NONE },
        { .name = "__Host-a", .value = "x", .secure = true, .domain = "a.example" },
        { .name = "__secure-a", .value = "x" },
    };
    size_t refused = 0;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        refused += weft_http_response_cookie(response, &bad[i]) < 0 && errno == EINVAL;
    }
    if (weft_http_response_cookie(response, &good) < 0 ||
        weft_http_response_cookie(response, &gone) < 0) {
        return -1;
    }
    const char *value = weft_http_request_cookie(request, "c");
    return weft_http_response_text(response, 200, "%zu %s", refused, value ? value : "none");
}

static void check_cookies(void)
{
    static struct weft_http_handler handler = { .call = bake };
    struct wire wire;
    chain_start(&wire, &handler);
    const char *answer = ask(&wire, "GET", "/", "Cookie: b=1; c=\"x\"; c=y\r\n");
    is_str(wire_body(answer), "6 x", "what would break a field is refused; a cookie is read");
    ok(strstr(answer, "\r\nset-cookie: __Host-a=1; Path=/; Max-Age=60; Expires=") &&
           strstr(answer, " GMT; SameSite=Lax; Secure; HttpOnly\r\n") &&
           has(answer, "set-cookie: b=; Path=/x; Max-Age=0; "
                       "Expires=Thu, 01 Jan 1970 00:00:00 GMT; SameSite=Strict"),
       "cookies are set and taken back");
    wire_stop(&wire);
}

static int read_form(struct weft_http_handler *handler, struct weft_http_request *request,
                     struct weft_http_response *response)
{
    (void)handler;
    const struct weft_http_form_options options = { .max_parts = 3, .max_value = 8 };
    struct weft_http_form *form = weft_http_form_open(request, &options);
    struct weft_http_form_part part;
    char *text = weft_http_format(request->memory, "%s", "");
    int got = form ? 0 : -1;
    if (!form && errno == EPROTONOSUPPORT) {
        return weft_http_response_text(response, 415, "no form");
    }
    while (text && form && (got = weft_http_form_next(form, &part)) > 0) {
        const char *name = weft_http_format(request->memory, "%s", part.name);
        const char *file =
            part.filename ? weft_http_format(request->memory, "(%s)", part.filename) : "";
        const char *value = strcmp(part.name, "skip") == 0 ? "-" : weft_http_form_value(form, NULL);
        if (!value) {
            return -1;
        }
        text = weft_http_format(request->memory, "%s%s%s=%s;", text, name, file, value);
    }
    return got < 0 || !text ? -1 : weft_http_response_text(response, 200, "%s", text);
}

static void check_form(const struct wire *wire, const char *type, const char *body, int status,
                       const char *expected)
{
    char bytes[4096];
    int length = snprintf(bytes, sizeof(bytes),
                          "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: %s\r\n"
                          "Content-Length: %zu\r\n\r\n%s",
                          type, strlen(body), body);
    wire_exchange(wire, bytes, (size_t)length, chain_answer, sizeof(chain_answer));
    ok(wire_status(chain_answer) == status &&
           (!expected || strcmp(wire_body(chain_answer), expected) == 0),
       "form %d: %.50s: %.60s", status, body, wire_body(chain_answer));
}

static void check_forms(void)
{
    static struct weft_http_handler handler = { .call = read_form };
    static const char URLENCODED[] = "application/x-www-form-urlencoded";
    static const char MULTIPART[] = "multipart/form-data; boundary=b";
#define PART "--b\r\nContent-Disposition: form-data; name="
    struct wire wire;
    chain_start(&wire, &handler);
    check_form(&wire, URLENCODED, "a=1&b=%32&skip=x", 200, "a=1;b=2;skip=-;");
    check_form(&wire, URLENCODED, "", 200, "");
    check_form(&wire, URLENCODED, "a=1&b=2&c=3&d=4", 413, NULL);
    check_form(&wire, URLENCODED, "a=345678", 200, "a=345678;");
    check_form(&wire, URLENCODED, "a=3456789", 413, NULL);
    check_form(&wire, URLENCODED, "a=%", 400, NULL);
    check_form(&wire, MULTIPART,
               PART "a\r\n\r\n12345678\r\n" PART "skip\r\n\r\n123456789\r\n" PART
                    "f; filename=\"x y\"\r\n\r\n\r\n--b--\r\n",
               200, "a=12345678;skip=-;f(x y)=;");
    check_form(&wire, MULTIPART, PART "a\r\n\r\n123456789\r\n--b--\r\n", 413, NULL);
    check_form(&wire, MULTIPART, PART "a\r\n\r\nx", 400, NULL);
    check_form(&wire, MULTIPART, "nonsense", 400, NULL);
    check_form(&wire, MULTIPART, "", 400, NULL);
    check_form(&wire, "multipart/form-data", "x", 400, NULL);
    check_form(&wire, "text/plain", "x", 415, NULL);
    wire_stop(&wire);
}

int main(void)
{
    check_cors();
    check_headers();
    check_hosts();
    check_auth();
    check_conditions();
    check_cookies();
    check_forms();
    return done_testing();
}
