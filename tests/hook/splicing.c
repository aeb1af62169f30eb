/* splice, tee and vmsplice park, and move what the bare calls move. */
#include "hook.h"

static int from[2], to[2], peer[2];

static long splice_pipes(int flags)
{
    return splice(from[0], NULL, to[1], NULL, 100, (unsigned)flags);
}

static long splice_socket(int unused)
{
    (void)unused;
    return splice(peer[0], NULL, to[1], NULL, 100, 0);
}

static long splice_to_socket(int unused)
{
    (void)unused;
    return splice(from[0], NULL, peer[0], NULL, 100, 0);
}

static long tee_pipes(int flags)
{
    return tee(from[0], to[1], 100, (unsigned)flags);
}

static char large[1 << 17];

static long vmsplice_pipe(int flags)
{
    struct iovec part = { large, sizeof large };
    return vmsplice(to[1], &part, 1, (unsigned)flags);
}

static long vmsplice_from(int unused)
{
    (void)unused;
    struct iovec part = { large, 3 };
    return vmsplice(from[0], &part, 1, 0);
}

static void open_all(void)
{
    must(pipe(from) == 0 && pipe(to) == 0, "pipes");
    tcp_pair(peer);
}

static void close_all(void)
{
    for (int i = 0; i < 2; i++) {
        close(from[i]);
        close(to[i]);
        close(peer[i]);
    }
}

static void fill(int fd)
{
    set_nonblocking(fd, true);
    while (write(fd, large, sizeof large) > 0 || write(fd, large, 1) > 0)
        ;
    set_nonblocking(fd, false);
}

static void drain(int fd, size_t size)
{
    while (size > 0) {
        ssize_t got = read(fd, large, size < sizeof large ? size : sizeof large);
        must(got > 0, "bytes");
        size -= (size_t)got;
    }
}

static void waits_for_input(const char *name, long (*call)(int), int feed, struct weft_scope *scope)
{
    struct trial trial = { .call = call };
    struct weft_task *task = trial_start(scope, &trial);
    bool parked = !trial.ended;
    must(write(feed, "abc", 3) == 3, "bytes");
    trial_join(task);
    ok(parked && trial.result == 3 && trial.error == UNTOUCHED,
       "%s parks, then moves 3 bytes (%ld)", name, trial.result);
    struct trial late = { .call = call, .timeout = 5 * WEFT_MILLISECOND };
    trial_join(trial_start(scope, &late));
    ok(late.result == -1 && late.error == ETIMEDOUT, "%s is timed out", name);
    struct trial cancelled = { .call = call };
    task = trial_start(scope, &cancelled);
    weft_cancel(task);
    trial_join(task);
    ok(cancelled.result == -1 && cancelled.error == ECANCELED, "%s is cancelled", name);
}

FIBER(inputs)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    open_all();
    waits_for_input("splice of pipes", splice_pipes, from[1], &scope);
    waits_for_input("splice from a socket", splice_socket, peer[1], &scope);
    waits_for_input("splice to a socket", splice_to_socket, from[1], &scope);
    waits_for_input("vmsplice from a pipe", vmsplice_from, from[1], &scope);
    close_all();
    return 0;
}

FIBER(tees)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    char text[4] = "";
    open_all();
    struct trial late = { .call = tee_pipes, .timeout = 5 * WEFT_MILLISECOND };
    trial_join(trial_start(&scope, &late));
    ok(late.result == -1 && late.error == ETIMEDOUT, "tee is timed out");
    struct trial cancelled = { .call = tee_pipes };
    struct weft_task *task = trial_start(&scope, &cancelled);
    weft_cancel(task);
    trial_join(task);
    ok(cancelled.result == -1 && cancelled.error == ECANCELED, "tee is cancelled");
    struct trial trial = { .call = tee_pipes };
    task = trial_start(&scope, &trial);
    must(!trial.ended && write(from[1], "abc", 3) == 3, "it waits");
    trial_join(task);
    ok(read(from[0], text, 3) == 3 && read(to[0], text, 3) == 3 && memcmp(text, "abc", 3) == 0,
       "tee leaves the bytes where they are");
    close_all();
    return 0;
}

FIBER(outputs)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    open_all();
    fill(to[1]);
    must(write(from[1], "abc", 3) == 3, "bytes");
    struct trial trial = { .call = splice_pipes };
    struct weft_task *task = trial_start(&scope, &trial);
    bool parked = !trial.ended;
    drain(to[0], 1 << 16);
    trial_join(task);
    ok(parked && trial.result == 3, "splice parks while the pipe is full");
    fill(to[1]);
    struct trial gift = { .call = vmsplice_pipe };
    task = trial_start(&scope, &gift);
    parked = !gift.ended;
    drain(to[0], 1 << 16);
    trial_join(task);
    ok(parked && gift.result > 0, "so does vmsplice (%ld)", gift.result);
    close_all();
    return 0;
}

static struct trial bare[4], hooked[4];

static void try_at_once(struct trial *trials)
{
    open_all();
    trials[0] = (struct trial){ .call = splice_pipes, .fd = SPLICE_F_NONBLOCK };
    trials[1] = (struct trial){ .call = tee_pipes, .fd = SPLICE_F_NONBLOCK };
    trials[2] = (struct trial){ .call = splice_pipes };
    trials[3] = (struct trial){ .call = splice_pipes };
    trial_call(&trials[0]);
    trial_call(&trials[1]);
    set_nonblocking(from[0], true);
    trial_call(&trials[2]);
    close(from[1]);
    trial_call(&trials[3]);
    close_all();
}

FIBER(try_in_fiber)
{
    try_at_once(hooked);
    return 0;
}

static void same_as_outside(void)
{
    static const char *const names[] = { "SPLICE_F_NONBLOCK, empty",
                                         "tee, SPLICE_F_NONBLOCK, empty", "O_NONBLOCK, empty",
                                         "the end" };
    try_at_once(bare);
    in_runtime(try_in_fiber);
    for (size_t i = 0; i < COUNT(bare); i++)
        ok(bare[i].result == hooked[i].result && bare[i].error == hooked[i].error,
           "%s: %ld (errno %d), as outside (%ld, %d)", names[i], hooked[i].result, hooked[i].error,
           bare[i].result, bare[i].error);
}

int main(void)
{
    same_as_outside();
    in_runtime(inputs);
    in_runtime(tees);
    in_runtime(outputs);
    return done_testing();
}
