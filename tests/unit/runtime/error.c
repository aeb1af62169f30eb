/* weft_error() and the log. */
#include "runtime.h"

FIBER(record_and_fail)
{
    int code = *(int *)argument;
    must(weft_sleep(WEFT_SECOND * code) == 0, "sleep");
    return weft_error_set("kitchen", code, EIO, "dish %d burnt: the stove is too hot", code);
}

static void is_record(int code, const char *message, const char *what)
{
    const struct weft_error *error = weft_error();
    ok(error && error->code == code && strcmp(error->message, message) == 0, "%s", what);
    if (error)
        diag("%s %d %d: %s", error->domain, error->code, error->error, error->message);
}

FIBER(records)
{
    fails(weft_error_set("kitchen", 3, EIO, "dish %d burnt", 3), EIO,
          "recording a failure fails with its errno");
    const struct weft_error *error = weft_error();
    must(error != NULL, "a record");
    is_str(error->domain, "kitchen", "the record has a domain");
    is_int(error->code, 3, "its code");
    is_int(error->error, EIO, "an errno");
    is_str(error->message, "dish 3 burnt", "and words");
    weft_error_clear();
    ok(weft_error() == NULL, "it can be forgotten");

    char name[400];
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    (void)weft_error_set("kitchen", 4, EIO, "%s", name);
    error = weft_error();
    is_int(strlen(error->message), sizeof(error->message) - 1, "a long one is cut");
    weft_error_clear();
    return 0;
}

FIBER(quoting)
{
    (void)weft_error_set("kitchen", 1, EIO, "the stove is cold");
    (void)weft_error_set("kitchen", 2, EIO, "no dinner: %s", weft_error()->message);
    is_record(2, "no dinner: the stove is cold", "a record may quote the one that it replaces");
    (void)weft_error_wrap("house", 3, EIO, "no guests: %s", weft_error()->message);
    is_record(3, "no guests: no dinner: the stove is cold", "or wraps");
    const struct weft_error *cause = weft_error()->cause;
    ok(cause && cause->code == 2 && !cause->cause, "what is wrapped stays as its cause");
    for (int i = 0; i < 20; i++)
        (void)weft_error_wrap("house", 4 + i, EIO, "link %d", i);
    int links = 0;
    for (cause = weft_error(); cause; cause = cause->cause)
        links++;
    is_int(links, 8, "a chain has 8 links at most");
    is_int(weft_error()->code, 23, "of which the newest is there");
    is_int(weft_error()->cause->code, 22, "on the one before: the oldest have gone");
    weft_error_clear();
    return 0;
}

FIBER(joined)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct weft_task *task = weft_go(&scope, record_and_fail, (int){ 1 });
    ok(weft_error() == NULL, "a fiber starts without a record");
    must(weft_join(task, NULL) == 0, "join");
    is_record(1, "dish 1 burnt: the stove is too hot",
              "a failed task's record moves to its joiner");

    weft_error_clear();
    weft_go(&scope, record_and_fail, (int){ 2 });
    is_int(weft_scope_next(&scope, NULL), 1, "next");
    is_record(2, "dish 2 burnt: the stove is too hot", "and to who takes it by weft_scope_next");
    return 0;
}

FIBER(joined_late)
{
    struct weft_scope scope = { .keep_going = true };
    struct weft_task *tasks[2];
    for (int i = 0; i < 2; i++)
        tasks[i] = weft_go(&scope, record_and_fail, (int){ i + 1 });
    weft_go(&scope, record_and_fail, (int){ 3 });
    must(weft_sleep(WEFT_MINUTE) == 0, "sleep");
    must(weft_join(tasks[0], NULL) == 0, "join");
    is_record(1, "dish 1 burnt: the stove is too hot", "also when the task had ended long before");
    must(weft_join(tasks[1], NULL) == 0, "join");
    is_record(2, "dish 2 burnt: the stove is too hot", "each its own");
    must(weft_scope_next(&scope, NULL) == 1, "next");
    is_record(3, "dish 3 burnt: the stove is too hot", "and by weft_scope_next");
    fails(weft_scope_wait(&scope), EIO, "the scope has failed all the same");
    return 0;
}

FIBER(by_scope)
{
    struct weft_scope scope = { .keep_going = true };
    weft_go(&scope, record_and_fail, (int){ 7 });
    weft_go(&scope, record_and_fail, (int){ 5 });
    weft_go(&scope, record_and_fail, (int){ 6 });
    fails(weft_scope_wait(&scope), EIO, "of several failures");
    is_record(5, "dish 5 burnt: the stove is too hot", "a scope hands on the first one's record");
    return 0;
}

FIBER(keep_own)
{
    int code = *(int *)argument;
    (void)weft_error_set("own", code, EIO, "%d", code);
    for (int i = 0; i < 3; i++) {
        must(weft_yield() == 0, "yield");
        must(weft_error() && weft_error()->code == code, "its own");
    }
    return code;
}

FIBER(apart)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    struct weft_task *tasks[3];
    for (int i = 0; i < 3; i++)
        tasks[i] = weft_go(&scope, keep_own, (int){ i + 1 });
    (void)weft_error_set("own", 100, EIO, "root");
    int sum = 0;
    for (int i = 0; i < 3; i++) {
        struct weft_result result = { 0 };
        must(weft_join(tasks[i], &result) == 0, "join");
        sum += result.value;
    }
    is_int(sum, 6, "fibers keep their records apart");
    is_record(100, "root", "and a success leaves the joiner's");
    return 0;
}

FIBER(library_says)
{
    fails(weft_join(weft_self(), NULL), EDEADLK, "a misuse");
    const struct weft_error *error = weft_error();
    must(error != NULL, "a record");
    is_str(error->domain, "weft", "is explained by the library itself");
    is_int(error->code, EDEADLK, "with its errno as its code");
    ok(strlen(error->message) > 20, "and a sentence");
    diag("%s", error->message);
    return 0;
}

static char logged[1024];
static int log_lines;

static void keep_line(void *context, enum weft_log_level level, const char *line)
{
    snprintf(logged, sizeof(logged), "%s%d:%s", (char *)context, (int)level, line);
    log_lines++;
}

static void logging(void)
{
    static char prefix[] = "level ";
    weft_log(WEFT_LOG_ERROR, "nobody hears this");
    weft_log_set(keep_line, prefix, WEFT_LOG_WARNING);
    weft_log(WEFT_LOG_WARNING, "stove %d is hot", 2);
    is_str(logged, "level 1:stove 2 is hot", "a line goes to the callback");
    weft_log(WEFT_LOG_INFO, "too quiet");
    is_int(log_lines, 1, "one above the level is not made");
    char name[700];
    memset(name, 'y', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    weft_log(WEFT_LOG_ERROR, "%s", name);
    is_int(strlen(logged), strlen("level 0:") + 511, "a long one is cut at 511 bytes");
    weft_log_set(NULL, NULL, WEFT_LOG_DEBUG);
    weft_log(WEFT_LOG_ERROR, "silence again");
    is_int(log_lines, 2, "without a callback there is silence");
}

int main(void)
{
    in_runtime(records);
    in_runtime(quoting);
    in_runtime(joined);
    in_runtime(joined_late);
    in_runtime(by_scope);
    in_runtime(apart);
    in_runtime(library_says);
    weft_error_clear();
    fails(weft_error_set("outside", 9, ENOENT, "no fiber"), ENOENT, "a thread has a record too");
    is_record(9, "no fiber", "of its own");
    logging();
    return done_testing();
}
