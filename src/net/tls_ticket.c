/*
 * Keys of session tickets.
 *
 * All of them follow from one secret, drawn when the server is made, and from the number of the
 * half day: workers that were forked from one parent seal and open each other's tickets without
 * ever talking, and a key that leaks opens no ticket of the day after. A ticket of the last half
 * day is still accepted, and renewed.
 */
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <string.h>
#include <time.h>

#include "net/tls.h"

enum {
    NAME = 16,
    SECRET = 32,
    ROTATION = 12 * 60 * 60 /* s */
};

struct key {
    unsigned char name[NAME];
    unsigned char cipher[32];
    unsigned char mac[32];
};

static bool derive(const unsigned char *secret, int64_t period, const char *purpose,
                   unsigned char out[32])
{
    unsigned char input[24] = { 0 };
    unsigned length = 32;
    size_t used = strlen(purpose);
    memcpy(input, purpose, used);
    for (int i = 0; i < 8; i++) {
        input[used + (size_t)i] = (unsigned char)((uint64_t)period >> (8 * i));
    }
    return HMAC(EVP_sha256(), secret, SECRET, input, used + 8, out, &length) != NULL;
}

static bool key_of(const unsigned char *secret, int64_t period, struct key *key)
{
    unsigned char name[32];
    bool made = derive(secret, period, "name", name) &&
                derive(secret, period, "seal", key->cipher) &&
                derive(secret, period, "sign", key->mac);
    memcpy(key->name, name, NAME);
    return made;
}

static int start(const struct key *key, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
                 int sealing)
{
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)(uintptr_t)key->mac,
                                          sizeof(key->mac)),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){ "sha256" }, 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(mac, parameters) &&
           EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->cipher, iv, sealing);
}

static int seal(const unsigned char *secret, int64_t period, unsigned char *name, unsigned char *iv,
                EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    struct key key;
    int done = -1;
    if (key_of(secret, period, &key) && RAND_bytes(iv, EVP_MAX_IV_LENGTH) == 1 &&
        start(&key, iv, cipher, mac, 1)) {
        memcpy(name, key.name, NAME);
        done = 1;
    }
    OPENSSL_cleanse(&key, sizeof(key));
    return done;
}

/* 1 open it; 2 open it and give a fresh one; 0 unknown: a full handshake. */
static int open_it(const unsigned char *secret, int64_t period, const unsigned char *name,
                   unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    struct key key;
    int done = 0;
    for (int age = 0; age < 2 && done == 0; age++) {
        if (key_of(secret, period - age, &key) && CRYPTO_memcmp(name, key.name, NAME) == 0) {
            done = start(&key, iv, cipher, mac, 0) ? 1 + age : -1;
        }
    }
    OPENSSL_cleanse(&key, sizeof(key));
    return done;
}

static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int sealing)
{
    const unsigned char *secret = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    int64_t period = (int64_t)time(NULL) / ROTATION;
    return sealing ? seal(secret, period, name, iv, cipher, mac)
                   : open_it(secret, period, name, iv, cipher, mac);
}

int weft__tls_tickets_install(SSL_CTX *context, const unsigned char secret[32])
{
    SSL_CTX_set_app_data(context, (void *)(uintptr_t)secret);
    return SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket) == 1 ? 0 : -1;
}
