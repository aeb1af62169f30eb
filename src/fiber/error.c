/* The detail beside errno, and the log callback. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "fiber/fiber.h"

/* A chain of causes is cut at this length. */
enum {
    CAUSES_MAX = 8
};

struct weft__errors {
    struct weft_error error; /* first; error.cause points at another one's first */
};

static _Thread_local struct weft_error thread_error;
static _Thread_local bool thread_has_error;

static struct weft__errors *of_cause(const struct weft_error *cause)
{
    return (struct weft__errors *)(uintptr_t)cause;
}

void weft__errors_release(struct weft__errors *errors)
{
    while (errors) {
        struct weft__errors *cause = of_cause(errors->error.cause);
        weft__free(errors);
        errors = cause;
    }
}

void weft__errors_move(struct weft__fiber *self, struct weft__errors **errors)
{
    if (!*errors)
        return;
    weft__errors_release(self->errors);
    self->errors = *errors;
    *errors = NULL;
}

void weft__errors_to_thread(struct weft__errors **errors)
{
    if (!*errors)
        return;
    thread_error = (*errors)->error;
    thread_error.cause = NULL;
    thread_has_error = true;
    weft__errors_release(*errors);
    *errors = NULL;
}

const struct weft_error *weft_error(void)
{
    struct weft__fiber *self = weft__current;
    if (self)
        return self->errors ? &self->errors->error : NULL;
    return thread_has_error ? &thread_error : NULL;
}

void weft_error_clear(void)
{
    struct weft__fiber *self = weft__current;
    thread_has_error = false;
    if (!self)
        return;
    weft__errors_release(self->errors);
    self->errors = NULL;
}

/* Make room for one more record on top of a chain: the oldest cause goes. */
static void trim(struct weft__errors *errors)
{
    struct weft_error *error = &errors->error;
    for (int kept = 2; kept < CAUSES_MAX && error->cause; kept++)
        error = &of_cause(error->cause)->error;
    weft__errors_release(of_cause(error->cause));
    error->cause = NULL;
}

/* A new record that stands on the present one. */
static struct weft__errors *on_top(struct weft__errors *cause)
{
    struct weft__errors *errors = weft__malloc(sizeof *errors);
    if (!errors)
        return NULL;
    trim(cause);
    errors->error.cause = &cause->error;
    return errors;
}

/* The present record, to be written over; a new one if there is none. */
static struct weft__errors *in_place(struct weft__errors *present)
{
    if (!present)
        present = weft__calloc(1, sizeof *present);
    if (!present)
        return NULL;
    weft__errors_release(of_cause(present->error.cause));
    present->error.cause = NULL;
    return present;
}

/* Where a new record goes; NULL without memory: then errno alone must do. */
static struct weft_error *fresh(bool keep_cause)
{
    struct weft__fiber *self = weft__current;
    if (!self) {
        thread_has_error = true;
        thread_error.cause = NULL;
        return &thread_error;
    }
    struct weft__errors *errors =
        keep_cause && self->errors ? on_top(self->errors) : in_place(self->errors);
    if (!errors) {
        weft_error_clear(); /* better none than that of another failure */
        return NULL;
    }
    self->errors = errors;
    return &errors->error;
}

__attribute__((format(printf, 5, 0))) static int record(bool keep_cause, const char *domain,
                                                        int code, int error, const char *format,
                                                        va_list arguments)
{
    /* Made apart: the words may quote the very record that gives way. */
    struct weft_error made = { .domain = domain, .code = code, .error = error };
    vsnprintf(made.message, sizeof made.message, format, arguments);
    struct weft_error *slot = fresh(keep_cause);
    if (slot) {
        made.cause = slot->cause;
        *slot = made;
    }
    return weft__fail(error);
}

int weft_error_set(const char *domain, int code, int error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int result = record(false, domain, code, error, format, arguments);
    va_end(arguments);
    return result;
}

int weft_error_wrap(const char *domain, int code, int error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int result = record(true, domain, code, error, format, arguments);
    va_end(arguments);
    return result;
}

int weft__fail_with(int error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int result = record(false, "weft", error, error, format, arguments);
    va_end(arguments);
    return result;
}

static struct {
    void (*callback)(void *context, enum weft_log_level level, const char *line);
    void *context;
    enum weft_log_level level;
} logger;

void weft_log_set(void (*callback)(void *context, enum weft_log_level level, const char *line),
                  void *context, enum weft_log_level level)
{
    logger.callback = callback;
    logger.context = context;
    logger.level = level;
}

void weft_log(enum weft_log_level level, const char *format, ...)
{
    if (!logger.callback || level > logger.level)
        return;
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    logger.callback(logger.context, level, line);
}
