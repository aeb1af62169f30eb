/*
 * A server's certificates.
 *
 *      server ── certificate ── context, and the names it is for
 *
 * A connection takes the context of the name it asks for. When files change, a new context is made
 * and takes the place of the old one, which lives as long as a connection that began with it:
 * each SSL object holds its context. What cannot be read leaves everything as it is.
 */
#include "net/tls_server.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include <weft/error.h>

#include "base/fail.h"

enum {
    SESSION_SECONDS = 24 * 60 * 60,
    TICKETS = 2 /* of each TLS 1.3 handshake */
};

/* What tells one version of a file from the next. */
struct stamp {
    struct timespec changed;
    off_t size;
    ino_t inode;
};

struct entry {
    char *certificate;
    char *key;
    struct stamp certificate_stamp;
    struct stamp key_stamp;
    SSL_CTX *context;
};

struct weft__tls_server {
    struct entry *entries;
    size_t count;
    char *client_authority;
    struct stamp authority_stamp;
    bool client_optional;
    int minimum;
    unsigned char *protocols;
    size_t protocols_length;
    unsigned char ticket_secret[32];
};

/* --- errors that say what to do */

static int unreadable(const char *what, const char *path, int error)
{
    return weft_error_set("tls", error, error, "reading the %s '%s': %s", what, path,
                          strerror(error));
}

static int unusable(const char *what, const char *path, const char *advice)
{
    char reason[128];
    unsigned long code = ERR_peek_last_error();
    const char *text = code ? ERR_reason_error_string(code) : NULL;
    snprintf(reason, sizeof(reason), "%s", text ? text : "OpenSSL can't use it");
    ERR_clear_error();
    return weft_error_set("tls", EINVAL, EINVAL, "reading the %s '%s': %s (%s)", what, path, reason,
                          advice);
}

static int stamp_of(const char *what, const char *path, struct stamp *stamp)
{
    struct stat status;
    if (stat(path, &status) < 0) {
        return unreadable(what, path, errno);
    }
    *stamp = (struct stamp){ status.st_mtim, status.st_size, status.st_ino };
    return 0;
}

static bool is_newer(const char *path, const struct stamp *known)
{
    struct stat status;
    return path && stat(path, &status) == 0 &&
           (status.st_mtim.tv_sec != known->changed.tv_sec ||
            status.st_mtim.tv_nsec != known->changed.tv_nsec || status.st_size != known->size ||
            status.st_ino != known->inode);
}

/* --- which certificate answers */

/* RFC 6125, 6.4.3: a star stands for the whole first label. */
static bool name_matches(const char *pattern, const char *name)
{
    if (strcasecmp(pattern, name) == 0) {
        return true;
    }
    const char *dot = strchr(name, '.');
    return pattern[0] == '*' && pattern[1] == '.' && dot && dot != name &&
           strcasecmp(pattern + 1, dot) == 0;
}

static bool is_for(SSL_CTX *context, const char *name)
{
    X509 *leaf = SSL_CTX_get0_certificate(context);
    GENERAL_NAMES *names = leaf ? X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL) : NULL;
    bool found = false;
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && !found; i++) {
        const GENERAL_NAME *each = sk_GENERAL_NAME_value(names, i);
        if (each->type != GEN_DNS) {
            continue;
        }
        const char *text = (const char *)ASN1_STRING_get0_data(each->d.dNSName);
        found =
            strlen(text) == (size_t)ASN1_STRING_length(each->d.dNSName) && name_matches(text, name);
    }
    GENERAL_NAMES_free(names);
    return found;
}

static int on_name(SSL *ssl, int *alert, void *argument)
{
    const struct weft__tls_server *server = argument;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    (void)alert;
    for (size_t i = 0; name && i < server->count; i++) {
        if (is_for(server->entries[i].context, name)) {
            SSL_set_SSL_CTX(ssl, server->entries[i].context);
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_NOACK; /* the first one answers */
}

/* The server's order decides. A client that offers nothing we speak is told so: RFC 7301, 3.2. */
static int on_protocols(SSL *ssl, const unsigned char **out, unsigned char *out_length,
                        const unsigned char *offered, unsigned length, void *argument)
{
    const struct weft__tls_server *server = argument;
    unsigned char *chosen = NULL;
    (void)ssl;
    int result = SSL_select_next_proto(&chosen, out_length, server->protocols,
                                       (unsigned)server->protocols_length, offered, length);
    if (result != OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* --- contexts */

static void set_protocol(SSL_CTX *context, struct weft__tls_server *server)
{
    SSL_CTX_set_min_proto_version(context, server->minimum == 13 ? TLS1_3_VERSION : TLS1_2_VERSION);
    /* Of TLS 1.2 what gives forward secrecy and authenticated encryption; TLS 1.3 has no other. */
    SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20");
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(context, 1); /* a record with its header: half the system calls */
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF); /* tickets hold the sessions */
    SSL_CTX_set_timeout(context, SESSION_SECONDS);
    SSL_CTX_set_num_tickets(context, TICKETS);
    SSL_CTX_set_session_id_context(context, (const unsigned char *)"weft", 4);
    SSL_CTX_set_tlsext_servername_callback(context, on_name);
    SSL_CTX_set_tlsext_servername_arg(context, server);
    if (server->protocols) {
        SSL_CTX_set_alpn_select_cb(context, on_protocols, server);
    }
}

static int set_clients(SSL_CTX *context, const struct weft__tls_server *server)
{
    const char *path = server->client_authority;
    if (!path) {
        return 0;
    }
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(path);
    if (!names || SSL_CTX_load_verify_locations(context, path, NULL) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return unusable("clients' authority", path, "a file of certificates in PEM is wanted");
    }
    SSL_CTX_set_client_CA_list(context, names);
    SSL_CTX_set_verify(
        context, SSL_VERIFY_PEER | (server->client_optional ? 0 : SSL_VERIFY_FAIL_IF_NO_PEER_CERT),
        NULL);
    return 0;
}

static int set_certificate(SSL_CTX *context, const struct entry *entry)
{
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(context, entry->certificate) != 1) {
        return unusable("certificate", entry->certificate,
                        "PEM is wanted, the server's own certificate first");
    }
    if (SSL_CTX_use_PrivateKey_file(context, entry->key, SSL_FILETYPE_PEM) != 1) {
        return unusable("key", entry->key,
                        "PEM is wanted, without a password, for the certificate beside it");
    }
    if (SSL_CTX_check_private_key(context) != 1) {
        return unusable("key", entry->key, "it is another certificate's");
    }
    return 0;
}

static SSL_CTX *context_new(struct weft__tls_server *server, const struct entry *entry)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (!context) {
        errno = ENOMEM;
        return NULL;
    }
    set_protocol(context, server);
    if (set_certificate(context, entry) < 0 || set_clients(context, server) < 0 ||
        weft__tls_tickets_install(context, server->ticket_secret) < 0) {
        int error = errno;
        SSL_CTX_free(context);
        errno = error;
        return NULL;
    }
    return context;
}

/* Clients will refuse it, but that is no reason to stop serving those that it was renewed for. */
static void warn_of_age(const struct entry *entry)
{
    const X509 *leaf = SSL_CTX_get0_certificate(entry->context);
    if (leaf && X509_cmp_current_time(X509_get0_notAfter(leaf)) < 0) {
        weft_log(WEFT_LOG_WARNING,
                 "tls: the certificate '%s' has expired (renew it: it is read "
                 "again when its file changes)",
                 entry->certificate);
    }
}

/* Read one certificate afresh; on failure the old one stays. */
static int load(struct weft__tls_server *server, struct entry *entry)
{
    struct stamp certificate;
    struct stamp key;
    if (stamp_of("certificate", entry->certificate, &certificate) < 0 ||
        stamp_of("key", entry->key, &key) < 0) {
        return -1;
    }
    SSL_CTX *context = context_new(server, entry);
    if (!context) {
        return -1;
    }
    SSL_CTX_free(entry->context);
    entry->context = context;
    entry->certificate_stamp = certificate;
    entry->key_stamp = key;
    warn_of_age(entry);
    return 0;
}

static int check(const struct weft__tls_options *options)
{
    const char *wrong = NULL;
    if (options->count == 0 || !options->files) {
        wrong = "there is no certificate";
    } else if (options->count > WEFT__TLS_CERTIFICATES_MAX) {
        wrong = "there are more than 256 certificates";
    } else if (options->minimum != 12 && options->minimum != 13) {
        wrong = "the least version is neither 12 nor 13";
    }
    for (size_t i = 0; !wrong && i < options->count; i++) {
        wrong = options->files[i].certificate ? NULL : "a certificate has no file";
    }
    return wrong ? weft_error_set("tls", EINVAL, EINVAL, "serving TLS: %s", wrong) : 0;
}

static int copy(struct weft__tls_server *server, const struct weft__tls_options *options)
{
    server->client_optional = options->client_optional;
    server->minimum = options->minimum;
    server->protocols_length = options->protocols_length;
    server->entries = calloc(options->count, sizeof(*server->entries));
    if (!server->entries) {
        return -1;
    }
    server->count = options->count;
    for (size_t i = 0; i < options->count; i++) {
        const struct weft__tls_files *files = &options->files[i];
        server->entries[i].certificate = strdup(files->certificate);
        server->entries[i].key = strdup(files->key ? files->key : files->certificate);
        if (!server->entries[i].certificate || !server->entries[i].key) {
            return -1;
        }
    }
    if (options->client_authority &&
        !(server->client_authority = strdup(options->client_authority))) {
        return -1;
    }
    if (options->protocols_length && !(server->protocols = malloc(options->protocols_length))) {
        return -1;
    }
    if (server->protocols) {
        memcpy(server->protocols, options->protocols, options->protocols_length);
    }
    return 0;
}

static int read_all(struct weft__tls_server *server, const unsigned char *tickets)
{
    if (tickets) {
        memcpy(server->ticket_secret, tickets, sizeof(server->ticket_secret));
    } else if (RAND_bytes(server->ticket_secret, sizeof(server->ticket_secret)) != 1) {
        return weft__fail(EIO);
    }
    if (server->client_authority &&
        stamp_of("clients' authority", server->client_authority, &server->authority_stamp) < 0) {
        return -1;
    }
    for (size_t i = 0; i < server->count; i++) {
        if (load(server, &server->entries[i]) < 0) {
            return -1;
        }
    }
    return 0;
}

struct weft__tls_server *weft__tls_server_new(const struct weft__tls_options *options)
{
    if (check(options) < 0) {
        return NULL;
    }
    struct weft__tls_server *server = calloc(1, sizeof(*server));
    if (!server || copy(server, options) < 0 || read_all(server, options->tickets) < 0) {
        int error = errno;
        weft__tls_server_free(server);
        errno = error;
        return NULL;
    }
    return server;
}

void weft__tls_server_free(struct weft__tls_server *server)
{
    if (!server) {
        return;
    }
    for (size_t i = 0; i < server->count; i++) {
        SSL_CTX_free(server->entries[i].context);
        free(server->entries[i].certificate);
        free(server->entries[i].key);
    }
    free(server->entries);
    free(server->client_authority);
    free(server->protocols);
    OPENSSL_cleanse(server->ticket_secret, sizeof(server->ticket_secret));
    free(server);
}

int weft__tls_server_refresh(struct weft__tls_server *server)
{
    int changed = 0;
    bool all = is_newer(server->client_authority, &server->authority_stamp);
    for (size_t i = 0; i < server->count; i++) {
        struct entry *entry = &server->entries[i];
        if (!all && !is_newer(entry->certificate, &entry->certificate_stamp) &&
            !is_newer(entry->key, &entry->key_stamp)) {
            continue;
        }
        if (load(server, entry) < 0) {
            return -1;
        }
        changed = 1;
    }
    if (all) {
        stamp_of("clients' authority", server->client_authority, &server->authority_stamp);
    }
    return changed;
}

SSL_CTX *weft__tls_server_context(struct weft__tls_server *server)
{
    return server->entries[0].context;
}
