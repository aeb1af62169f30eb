/* What the server programs share: one life from the first line of output to the last response. */
#ifndef APPS_COMMON_SERVICE_H
#define APPS_COMMON_SERVICE_H

#include <weft/http.h>

/** A server program. */
struct service {
    const char *name;                 /**< of the program, before its messages */
    const char *greeting;             /**< first line of output; %d is the port */
    struct weft_http_options options; /**< of its server */
    int (*background)(void *context); /**< runs beside the server, cancelled at its end; or NULL */
    void *context;                    /**< handed to it */
};

/**
 * Serve until TERM or INT, then end gracefully; a second signal cuts the grace period short.
 *
 * Raises the limit of descriptors to what the system allows. Everything runs on the one thread.
 *
 * @return          The program's exit status; what went wrong has been written to stderr.
 */
int service_run(const struct service *service);

/**
 * Read a number from the command line.
 *
 * @param option    As the user wrote it, for the message.
 * @param text      What stands behind it.
 * @param least     Smallest that is allowed.
 * @param most      Largest.
 * @param value     Set. Untouched on failure.
 * @return          true; false after a message on stderr.
 */
bool service_number(const char *option, const char *text, double least, double most, double *value);

#endif
