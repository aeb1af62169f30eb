/* Forms that browsers send: their fields and files, one after the other, as they come. */
#ifndef WEFT_HTTP_FORM_H
#define WEFT_HTTP_FORM_H

#include <sys/types.h>

#include <weft/base.h>
#include <weft/http/message.h>

WEFT_BEGIN_DECLS

/** A form being read. Opaque. */
struct weft_http_form;

/** Options of weft_http_form_open(). A zeroed struct asks for the defaults. */
struct weft_http_form_options {
    size_t max_parts; /**< fields and files. Default 1,000 */
    size_t max_value; /**< bytes of a field that is taken by weft_http_form_value(), or that is
                           urlencoded, name and all. Default 65,536 */
};

/** A field or a file. Texts live until the next weft_http_form_next(). */
struct weft_http_form_part {
    const char *name;     /**< of the field; never NULL */
    const char *filename; /**< what the client calls the file: from outside, so no path to open;
                               browsers write a quote in it as "%22", which stays; NULL: it is no
                               file */
    const char *type;     /**< the content-type that the client tells; NULL: none */
};

/**
 * Begin to read the form in a request's body.
 *
 * How long the whole body may be is the server's `max_body`, weft_http_request_limit_body() or
 * weft_http_body_limit_new(); files go through without being gathered anywhere.
 *
 * @param request   Its content-type is multipart/form-data or application/x-www-form-urlencoded.
 * @param options   NULL: the defaults.
 * @return          The form; NULL and errno otherwise.
 * Errors           EPROTONOSUPPORT another content-type, or none (415 is the answer to give);
 *                  EBADMSG a boundary that is missing or malformed (400); ENOMEM; ENOBUFS.
 * Blocks           never
 * Ownership        the exchange's
 * Source           RFC 7578; WHATWG URL, 5.1
 */
WEFT_API struct weft_http_form *weft_http_form_open(struct weft_http_request *request,
                                                    const struct weft_http_form_options *options);

/**
 * Go on to the next field or file; what is left of the last one is skipped.
 *
 * @param form      Open.
 * @param part      Set.
 * @return          1; 0 at the end; -1 and errno otherwise. A handler that returns -1 with that
 *                  errno gives the right answer: 400, 408 or 413.
 * Errors           EBADMSG malformed or cut short; EMSGSIZE a limit; see weft_http_body_read().
 * Blocks           parks the fiber; cancellation point
 */
WEFT_API int weft_http_form_next(struct weft_http_form *form, struct weft_http_form_part *part);

/**
 * Read the next piece of the content of the part at hand.
 *
 * @param form      Open.
 * @param chunk     Set to the bytes, valid until the next call on the form.
 * @return          Bytes, above 0; 0 at the part's end; -1 and errno otherwise.
 * Errors           See weft_http_form_next().
 * Units            bytes
 * Blocks           parks the fiber; cancellation point
 */
WEFT_API ssize_t weft_http_form_read(struct weft_http_form *form, const void **chunk);

/**
 * Read what is left of the part at hand as text.
 *
 * @param form      Open.
 * @param length    Set to its bytes, before the NUL. May be NULL.
 * @return          The text; NULL and errno otherwise.
 * Errors           EMSGSIZE above `max_value`; ENOMEM; ENOBUFS; see weft_http_form_next().
 * Units            bytes
 * Blocks           parks the fiber; cancellation point
 * Ownership        the exchange's
 */
WEFT_API char *weft_http_form_value(struct weft_http_form *form, size_t *length);

WEFT_END_DECLS

#endif
