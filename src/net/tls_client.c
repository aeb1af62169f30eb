/*
 * What the TLS connections of one client share: a context, and the sessions to resume.
 *
 * A ticket of TLS 1.3 is used once, so that two connections can't be linked by it; the server sends
 * new ones on each.
 */
#include "net/tls_client.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <weft/error.h>
#include <weft/run.h>

#include "base/fail.h"
#include "net/tls_internal.h"

enum {
    SESSIONS = 4
};

struct weft__tls_client {
    SSL_CTX *context;
    SSL_SESSION *sessions[SESSIONS]; /* for the next connections, the newest last */
    size_t count;
    char *name;
    char **pins; /* ended by NULL; NULL: none */
    bool insecure;
};

/* SSLKEYLOGFILE: secrets for a debugger such as Wireshark, as browsers write them. */
static void log_key(const SSL *ssl, const char *line)
{
    const char *path = secure_getenv("SSLKEYLOGFILE");
    WEFT_BLOCKING(); /* no other fiber may run inside an SSL call */
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    (void)ssl;
    if (fd >= 0) {
        struct iovec pieces[] = { { (void *)(uintptr_t)line, strlen(line) },
                                  { (char[]){ '\n' }, 1 } };
        if (writev(fd, pieces, 2) < 0) {
            weft_log(WEFT_LOG_WARNING, "tls: SSLKEYLOGFILE '%s' can't be written to", path);
        }
        close(fd);
    }
}

static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct weft__tls_client *client = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    if (client->count == SESSIONS) {
        SSL_SESSION_free(client->sessions[0]);
        memmove(client->sessions, client->sessions + 1, --client->count * sizeof(session));
    }
    client->sessions[client->count++] = session;
    return 1; /* it is ours now */
}

static int unusable(const char *what, const char *path, const char *advice)
{
    unsigned long code = ERR_peek_last_error();
    const char *text = code ? ERR_reason_error_string(code) : NULL;
    weft_error_set("tls", EINVAL, EINVAL, "reading the %s '%s': %s (%s)", what, path,
                   text ? text : "OpenSSL can't use it", advice);
    ERR_clear_error();
    return weft__fail(EINVAL);
}

static int set_certificate(SSL_CTX *context, const struct weft__tls_client_options *options)
{
    const char *key = options->key ? options->key : options->certificate;
    if (!options->certificate) {
        return 0;
    }
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(context, options->certificate) != 1) {
        return unusable("client's certificate", options->certificate, "PEM is wanted");
    }
    if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) {
        return unusable("client's key", key, "PEM is wanted, without a password");
    }
    return 0;
}

static void set_protocol(SSL_CTX *context, const struct weft__tls_client_options *options)
{
    SSL_CTX_set_min_proto_version(context,
                                  options->minimum == 13 ? TLS1_3_VERSION : TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20");
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(context, on_session);
    SSL_CTX_set_verify(context, options->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    if (options->protocols_length) {
        SSL_CTX_set_alpn_protos(context, options->protocols, (unsigned)options->protocols_length);
    }
    if (secure_getenv("SSLKEYLOGFILE")) {
        SSL_CTX_set_keylog_callback(context, log_key);
    }
}

static int copy_pins(struct weft__tls_client *client, const char *const *pins)
{
    size_t count = 0;
    while (pins && pins[count]) {
        if (!weft__tls_is_pin(pins[count++])) {
            return weft_error_set("tls", EINVAL, EINVAL,
                                  "the pin '%.60s' is malformed (write sha256/ and the 44 "
                                  "characters of the hash in base64)",
                                  pins[count - 1]);
        }
    }
    if (count == 0) {
        return 0;
    }
    client->pins = calloc(count + 1, sizeof(*client->pins));
    for (size_t i = 0; client->pins && i < count; i++) {
        if (!(client->pins[i] = strdup(pins[i]))) {
            return -1;
        }
    }
    return client->pins ? 0 : -1;
}

static int set_up(struct weft__tls_client *client, const struct weft__tls_client_options *options)
{
    client->insecure = options->insecure;
    client->name = strdup(options->name);
    client->context = SSL_CTX_new(TLS_client_method());
    if (!client->name || !client->context) {
        return weft__fail(ENOMEM);
    }
    SSL_CTX_set_app_data(client->context, client);
    set_protocol(client->context, options);
    if (copy_pins(client, options->pins) < 0 || set_certificate(client->context, options) < 0) {
        return -1;
    }
    return options->insecure ? 0 : weft__tls_trust(client->context, options->authorities);
}

struct weft__tls_client *weft__tls_client_new(const struct weft__tls_client_options *options)
{
    struct weft__tls_client *client = calloc(1, sizeof(*client));
    if (!client || set_up(client, options) < 0) {
        int error = errno;
        weft__tls_client_free(client);
        errno = error;
        return NULL;
    }
    return client;
}

void weft__tls_client_free(struct weft__tls_client *client)
{
    if (!client) {
        return;
    }
    for (char **pin = client->pins; pin && *pin; pin++) {
        free(*pin);
    }
    free(client->pins);
    free(client->name);
    while (client->count > 0) {
        SSL_SESSION_free(client->sessions[--client->count]);
    }
    SSL_CTX_free(client->context);
    free(client);
}

static void resume(struct weft__tls_client *client, SSL *ssl)
{
    while (client->count > 0) {
        SSL_SESSION *session = client->sessions[client->count - 1];
        bool usable = SSL_SESSION_is_resumable(session) == 1 && SSL_set_session(ssl, session) == 1;
        if (!usable || SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION) {
            client->count--;
            SSL_SESSION_free(session);
        }
        if (usable) {
            return;
        }
    }
}

struct weft__tls *weft__tls_connect(struct weft__tls_client *client, int fd)
{
    struct weft__tls *tls = weft__tls_make(client->context, fd);
    if (!tls) {
        return NULL;
    }
    SSL *ssl = weft__tls_object(tls);
    SSL_set_connect_state(ssl);
    if (weft__tls_expect(ssl, client->name) < 0) {
        weft__tls_free(tls);
        errno = ENOMEM;
        return NULL;
    }
    resume(client, ssl);
    return tls;
}

int weft__tls_client_check(const struct weft__tls_client *client, const struct weft__tls *tls)
{
    SSL *ssl = weft__tls_object(tls);
    if (!client->pins || SSL_session_reused(ssl)) {
        return 0; /* a session was checked when it began */
    }
    bool pinned = weft__tls_is_pinned(ssl, (const char *const *)client->pins);
    return pinned ? 0 : weft__fail(EKEYREJECTED);
}

bool weft__tls_resumed(const struct weft__tls *tls)
{
    return SSL_session_reused(weft__tls_object(tls)) == 1;
}
