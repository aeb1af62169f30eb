/* Whom to believe: authorities, names, pinned keys. */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/error.h>

#include "base/fail.h"
#include "net/tls_client.h"
#include "net/tls_internal.h"

#define PIN_PREFIX "sha256/"

enum {
    PIN_DIGITS = 44 /* 32 bytes in base64 */
};

/* Some 140 certificates: read once a process, by whichever client is first. */
static X509_STORE *system_store(void)
{
    static X509_STORE *store;
    X509_STORE *known = __atomic_load_n(&store, __ATOMIC_ACQUIRE);
    if (known) {
        return known;
    }
    X509_STORE *made = X509_STORE_new();
    if (!made || X509_STORE_set_default_paths(made) != 1) {
        X509_STORE_free(made);
        return NULL;
    }
    if (__atomic_compare_exchange_n(&store, &known, made, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE)) {
        return made;
    }
    X509_STORE_free(made);
    return known;
}

int weft__tls_trust(SSL_CTX *context, const char *path)
{
    ERR_clear_error();
    if (path) {
        if (SSL_CTX_load_verify_locations(context, path, NULL) == 1) {
            return 0;
        }
        ERR_clear_error();
        return weft_error_set("tls", EINVAL, EINVAL,
                              "reading the authorities '%s': a readable file of certificates in "
                              "PEM is wanted",
                              path);
    }
    X509_STORE *store = system_store();
    if (!store) {
        ERR_clear_error();
        return weft_error_set("tls", EINVAL, EINVAL,
                              "reading the system's authorities: OpenSSL can't (install "
                              "ca-certificates)");
    }
    SSL_CTX_set1_cert_store(context, store);
    return 0;
}

int weft__tls_expect(SSL *ssl, const char *name)
{
    struct in6_addr address;
    X509_VERIFY_PARAM *parameters = SSL_get0_param(ssl);
    X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (inet_pton(AF_INET, name, &address) == 1 || inet_pton(AF_INET6, name, &address) == 1) {
        return X509_VERIFY_PARAM_set1_ip_asc(parameters, name) == 1 ? 0 : weft__fail(ENOMEM);
    }
    bool set = X509_VERIFY_PARAM_set1_host(parameters, name, 0) == 1 &&
               SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                        (void *)(uintptr_t)name) == 1; /* its macro casts the const away */
    return set ? 0 : weft__fail(ENOMEM);
}

bool weft__tls_is_pin(const char *text)
{
    return strncmp(text, PIN_PREFIX, sizeof(PIN_PREFIX) - 1) == 0 &&
           strlen(text) == sizeof(PIN_PREFIX) - 1 + PIN_DIGITS;
}

/* RFC 7469, 2.4: the hash of the public key with its algorithm. */
static bool fingerprint(X509 *certificate, char pin[PIN_DIGITS + 1])
{
    unsigned char *encoded = NULL;
    unsigned char hash[32];
    int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &encoded);
    if (length <= 0) {
        return false;
    }
    bool done = EVP_Digest(encoded, (size_t)length, hash, NULL, EVP_sha256(), NULL) == 1;
    OPENSSL_free(encoded);
    if (done) {
        EVP_EncodeBlock((unsigned char *)pin, hash, sizeof(hash));
    }
    return done;
}

static bool matches(X509 *certificate, const char *const *pins)
{
    char pin[PIN_DIGITS + 1];
    if (!fingerprint(certificate, pin)) {
        return false;
    }
    for (; *pins; pins++) {
        if (strcmp(*pins + sizeof(PIN_PREFIX) - 1, pin) == 0) {
            return true;
        }
    }
    return false;
}

bool weft__tls_is_pinned(SSL *ssl, const char *const *pins)
{
    STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
    for (int i = 0; i < sk_X509_num(chain); i++) {
        if (matches(sk_X509_value(chain, i), pins)) {
            return true;
        }
    }
    X509 *leaf = SSL_get0_peer_certificate(ssl);
    return !chain && leaf && matches(leaf, pins);
}

const char *weft__tls_verdict(const struct weft__tls *tls)
{
    long result = SSL_get_verify_result(weft__tls_object(tls));
    return result == X509_V_OK ? NULL : X509_verify_cert_error_string(result);
}
