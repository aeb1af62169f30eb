/* Load for HTTPS servers: tls_load PORT MILLISECONDS PID handshakes|bulk.
 *
 * One connection after the other, none resumed: each is closed after its handshake and a request's
 * answer, or reads the whole of /bulk. The CPU time of process PID is divided by the connections,
 * or by the MiB. */
#include "load.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>

enum {
    PIECE = 65536
};

static SSL_CTX *context;
static double mebibytes;

static int die(const char *what)
{
    fprintf(stderr, "tls_load: %s: %s\n", what, strerror(errno));
    ERR_print_errors_fp(stderr);
    return 1;
}

static int fetch(SSL *ssl, const char *path)
{
    static char piece[PIECE];
    char request[128];
    int got, length = snprintf(request, sizeof request,
                               "GET %s HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n", path);
    int64_t whole = 0;

    if (SSL_write(ssl, request, length) != length)
        return -1;
    while ((got = SSL_read(ssl, piece, sizeof piece)) > 0) {
        if (whole == 0 && strncmp(piece, "HTTP/1.1 200 ", 13) != 0)
            return -1;
        whole += got;
    }
    mebibytes += (double)whole / 1048576;
    return whole > 0 ? 0 : -1;
}

static int once(uint16_t port, const char *path)
{
    int fd = load_connect(port), result = -1;
    SSL *ssl = fd < 0 ? NULL : SSL_new(context);

    if (ssl && SSL_set_fd(ssl, fd) == 1 && SSL_connect(ssl) == 1)
        result = fetch(ssl, path);
    SSL_free(ssl);
    close(fd);
    return result;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: tls_load PORT MILLISECONDS PID handshakes|bulk\n");
        return 2;
    }
    uint16_t port = (uint16_t)strtoul(argv[1], NULL, 10);
    int pid = (int)strtol(argv[3], NULL, 10);
    bool bulk = strcmp(argv[4], "bulk") == 0;
    const char *path = bulk ? "/bulk" : "/";
    int64_t count = 0;

    context = SSL_CTX_new(TLS_client_method());
    if (!context || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1)
        return die("preparing");
    SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
    if (once(port, path) < 0)
        return die("connecting");
    mebibytes = 0;
    int64_t end = bench_clock(CLOCK_MONOTONIC) + strtoll(argv[2], NULL, 10) * 1000000;
    int64_t cpu = load_process_cpu(pid);
    for (; bench_clock(CLOCK_MONOTONIC) < end; count++) {
        if (once(port, path) < 0)
            return die("fetching");
    }
    cpu = load_process_cpu(pid) - cpu;
    bench_report("tls_cpu", (double)cpu / 1000 / (bulk ? mebibytes : (double)count));
    bench_report("tls_count", (double)count);
    return 0;
}
