/* One connection's TLS; see tls.h. */
#include "net/tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <weft/run.h>

#include "base/fail.h"
#include "net/tls_internal.h"
#include "net/tls_server.h"

enum {
    TURN = 64 /* calls before other fibers get their turn */
};

struct weft__tls {
    SSL *ssl;
    int fd;
    short wants;
    uint8_t calls;
    bool halfway;    /* through a record */
    bool broken;     /* failed in a way that forbids a goodbye */
    char reason[88]; /* of the last failure */
};

/*
 * --- the socket, as OpenSSL sees it
 *
 * Hooked calls may give way to other fibers even when they don't wait, and another fiber must not
 * find the SSL object in the middle of a call. So these go around the hooks.
 */

static bool would_wait(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static int socket_read(BIO *bio, char *buffer, int size)
{
    const struct weft__tls *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    WEFT_BLOCKING();
    ssize_t got = recv(tls->fd, buffer, (size_t)size, MSG_DONTWAIT);
    if (got < 0 && would_wait()) {
        BIO_set_retry_read(bio);
    }
    return (int)got;
}

static int socket_write(BIO *bio, const char *data, int length)
{
    const struct weft__tls *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    WEFT_BLOCKING();
    ssize_t sent = send(tls->fd, data, (size_t)length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && would_wait()) {
        BIO_set_retry_write(bio);
    }
    return (int)sent;
}

static long socket_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH; /* nothing is kept back */
}

/* Made once a process, by whichever loop is first. */
static BIO_METHOD *socket_method(void)
{
    static BIO_METHOD *method;
    BIO_METHOD *known = __atomic_load_n(&method, __ATOMIC_ACQUIRE);
    if (known) {
        return known;
    }
    BIO_METHOD *made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "weft socket");
    if (!made) {
        return NULL;
    }
    BIO_meth_set_read(made, socket_read);
    BIO_meth_set_write(made, socket_write);
    BIO_meth_set_ctrl(made, socket_control);
    if (__atomic_compare_exchange_n(&method, &known, made, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE)) {
        return made;
    }
    BIO_meth_free(made);
    return known;
}

/* --- life */

struct weft__tls *weft__tls_make(SSL_CTX *context, int fd)
{
    struct weft__tls *tls = calloc(1, sizeof(*tls));
    BIO_METHOD *method = socket_method();
    BIO *bio = method ? BIO_new(method) : NULL;
    SSL *ssl = SSL_new(context);
    if (!tls || !bio || !ssl) {
        BIO_free(bio);
        SSL_free(ssl);
        free(tls);
        errno = ENOMEM;
        return NULL;
    }
    tls->ssl = ssl;
    tls->fd = fd;
    tls->wants = POLLIN;
    BIO_set_data(bio, tls);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    return tls;
}

SSL *weft__tls_object(const struct weft__tls *tls)
{
    return tls->ssl;
}

struct weft__tls *weft__tls_accept(struct weft__tls_server *server, int fd)
{
    struct weft__tls *tls = weft__tls_make(weft__tls_server_context(server), fd);
    if (tls) {
        SSL_set_accept_state(tls->ssl);
    }
    return tls;
}

void weft__tls_free(struct weft__tls *tls)
{
    if (tls) {
        SSL_free(tls->ssl);
        free(tls);
    }
}

/* --- results */

static void take_reason(struct weft__tls *tls, unsigned long code)
{
    const char *text = code ? ERR_reason_error_string(code) : NULL;
    snprintf(tls->reason, sizeof(tls->reason), "%s", text ? text : "the peer broke the protocol");
}

static int protocol_failure(struct weft__tls *tls)
{
    unsigned long code = ERR_peek_error();
    int reason = ERR_GET_REASON(code);
    tls->broken = true;
    if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
        return weft__fail(ECONNRESET);
    }
    take_reason(tls, code);
    ERR_clear_error();
    bool plain = reason == SSL_R_HTTP_REQUEST || reason == SSL_R_HTTPS_PROXY_REQUEST;
    return weft__fail(plain ? ENOTSUP : EPROTO);
}

/* What an SSL call that did not succeed means: 0 the peer's proper end, -1 and errno. */
static int failure(struct weft__tls *tls, int result, int system_error)
{
    switch (SSL_get_error(tls->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        tls->wants = POLLIN;
        return weft__fail(EAGAIN);
    case SSL_ERROR_WANT_WRITE:
        tls->wants = POLLOUT;
        return weft__fail(EAGAIN);
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        tls->broken = true;
        return weft__fail(system_error && system_error != EAGAIN ? system_error : ECONNRESET);
    default:
        return protocol_failure(tls);
    }
}

/* OpenSSL looks at its queue of errors to tell what a result means: it must be empty before. */
static void before(struct weft__tls *tls)
{
    ERR_clear_error();
    errno = 0;
    tls->reason[0] = '\0';
}

int weft__tls_handshake(struct weft__tls *tls)
{
    int saved = errno;
    before(tls);
    int result = SSL_do_handshake(tls->ssl);
    if (result == 1) {
        errno = saved;
        return 0;
    }
    if (failure(tls, result, errno) == 0) {
        return weft__fail(ECONNRESET); /* a goodbye in place of an answer */
    }
    return -1;
}

/* What the hooks would have done: between two calls others get their turn. */
static void give_way(struct weft__tls *tls)
{
    if (++tls->calls % TURN == 0) {
        int saved = errno;
        weft_yield();
        errno = saved;
    }
}

static ssize_t take(struct weft__tls *tls, int (*how)(SSL *, void *, size_t, size_t *),
                    void *buffer, size_t size)
{
    size_t got = 0;
    int saved = errno;
    before(tls);
    int result = how(tls->ssl, buffer, size, &got);
    if (result == 1) {
        errno = saved;
        give_way(tls);
        return (ssize_t)got;
    }
    return failure(tls, result, errno);
}

ssize_t weft__tls_read(struct weft__tls *tls, void *buffer, size_t size)
{
    return take(tls, SSL_read_ex, buffer, size);
}

ssize_t weft__tls_peek(struct weft__tls *tls, void *buffer, size_t size)
{
    return take(tls, SSL_peek_ex, buffer, size);
}

ssize_t weft__tls_write(struct weft__tls *tls, const void *data, size_t length)
{
    size_t sent = 0;
    int saved = errno;
    before(tls);
    int result = SSL_write_ex(tls->ssl, data, length, &sent);
    tls->halfway = result != 1;
    if (result == 1) {
        errno = saved;
        give_way(tls);
        return (ssize_t)sent;
    }
    return failure(tls, result, errno) == 0 ? weft__fail(EPIPE) : -1;
}

bool weft__tls_halfway(const struct weft__tls *tls)
{
    return tls->halfway;
}

void weft__tls_goodbye(struct weft__tls *tls)
{
    int saved = errno;
    if (!tls->broken && !SSL_in_init(tls->ssl)) {
        ERR_clear_error();
        SSL_shutdown(tls->ssl);
        ERR_clear_error();
    }
    errno = saved;
}

short weft__tls_wants(const struct weft__tls *tls)
{
    return tls->wants;
}

const char *weft__tls_reason(const struct weft__tls *tls)
{
    return tls->reason;
}

bool weft__tls_speaks(const struct weft__tls *tls, const char *protocol)
{
    const unsigned char *agreed;
    unsigned length;
    SSL_get0_alpn_selected(tls->ssl, &agreed, &length);
    return length == strlen(protocol) && memcmp(agreed, protocol, length) == 0;
}

bool weft__tls_client_subject(const struct weft__tls *tls, char *text, size_t size)
{
    X509 *certificate = SSL_get0_peer_certificate(tls->ssl);
    BIO *memory = certificate ? BIO_new(BIO_s_mem()) : NULL;
    if (!memory) {
        return false;
    }
    char *bytes;
    X509_NAME_print_ex(memory, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
    long length = BIO_get_mem_data(memory, &bytes);
    snprintf(text, size, "%.*s", (int)length, length > 0 ? bytes : "");
    BIO_free(memory);
    return true;
}
