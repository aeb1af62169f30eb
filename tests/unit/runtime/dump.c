/* weft_dump(): the tree of tasks as text. */
#include <stdlib.h>

#include "runtime.h"

static char *text;

static const char *dump(void)
{
    size_t size = 0;
    free(text);
    FILE *stream = open_memstream(&text, &size);
    must(stream != NULL, "stream");
    must(weft_dump(stream) == 0, "dump");
    fclose(stream);
    return text;
}

static int lines(const char *all)
{
    int count = 0;
    for (; *all; all++)
        count += *all == '\n';
    return count;
}

FIBER(named_sleeper)
{
    weft_annotate("sleeper of %d minutes", 7);
    return weft_sleep(7 * WEFT_MINUTE);
}

FIBER(named_receiver)
{
    int message;
    struct weft_channel *channel = *(struct weft_channel **)argument;
    weft_annotate("%s", "a name of more than forty-seven bytes, which has to be cut somewhere");
    return weft_channel_receive(channel, &message);
}

FIBER(with_child)
{
    weft_annotate("parent");
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .name = "nursery" };
    weft_go(&scope, named_sleeper, NOTHING);
    return weft_scope_wait(&scope);
}

FIBER(tree)
{
    struct weft_channel *channel = weft_channel_new(sizeof(int), 0);
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .name = "outer", .keep_going = true };
    weft_go(&scope, named_receiver, (struct weft_channel *){ channel });
    weft_go(&scope, with_child, NOTHING);
    errno = EXDEV;
    const char *all = dump();
    ok(strstr(all, "sleeper of 7 minutes"), "a task is shown with its annotation");
    ok(strstr(all, "a name of more than forty-seven bytes, which ha"), "up to 47 bytes of it");
    ok(!strstr(all, "a name of more than forty-seven bytes, which has"), "and no more");
    ok(strstr(all, "nursery") && strstr(all, "outer"), "scopes are shown by their names");
    const char *parent = strstr(all, "parent");
    const char *child = strstr(all, "sleeper of");
    ok(parent && child && parent < child, "a child comes below its parent");
    ok(lines(all) >= 4, "every task has a line");
    diag("%d lines", lines(all));
    weft_scope_cancel(&scope);
    (void)weft_scope_wait(&scope);
    ok(!strstr(dump(), "sleeper of"), "a task that has ended is not shown");
    weft_channel_free(channel);
    return 0;
}

FIBER(crowd)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .reap = true };
    for (int i = 0; i < 1000; i++)
        weft_go(&scope, sleep_for, (int64_t){ WEFT_SECOND });
    ok(lines(dump()) >= 1001, "a thousand tasks are a thousand lines");
    return weft_scope_wait(&scope);
}

FIBER(show_name)
{
    ok(strstr(dump(), "kitchen") != NULL, "a runtime is shown by its name");
    return 0;
}

int main(void)
{
    struct weft_options options = { .name = "kitchen" };
    in_runtime(tree);
    in_runtime(crowd);
    must(weft_run_with(&options, show_name, NULL) == 0, "show_name");
    weft_annotate("%s", "outside a fiber this does nothing");
    fails(weft_dump(stderr), EPERM, "outside a runtime there is nothing to show");
    free(text);
    return done_testing();
}
