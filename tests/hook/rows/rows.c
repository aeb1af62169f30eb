/*
 * rows OUTCOMES FAMILY: put the rows of one family through all ways, and compare what becomes of
 * them with the table of outcomes. `rows --outcomes` prints that table as it is found to be.
 */
#include "rows.h"

#include <netdb.h>

#define CELLS 6

/* What hook.tbl says. */
static const struct entry {
    const char *name, *family, *point, *fails;
} entries[] = {
#include "hook_rows.inc"
};

enum {
    OUTCOME_WAITS,
    OUTCOME_CANCEL,
    OUTCOME_LIMIT,
    OUTCOME_CLOSE,
    OUTCOME_HANDLER,
    OUTCOME_PART
};

struct outcomes {
    char cell[CELLS][24];
};

static struct row *rows, **last_row = &rows;
static const char *current = "nothing";
static bool printing;

void row_add(struct row *row)
{
    *last_row = row;
    last_row = &row->next;
}

/* --- one call on a thread: as it is, or in a fiber */

struct answer {
    bool waited, went_on; /* went_on: the way did not end it, so it was woken */
    long result;
    int error; /* 0: it did not fail */
    int left;  /* errno after a success */
    char bytes[sizeof place.bytes];
    size_t arrived;
};

static struct {
    const struct row *row;
    const struct entry *entry;
    enum way way;
    bool in_fiber, patient; /* patient: the way is expected to end the call */
    struct weft_task *task;
    _Atomic pid_t thread;
    _Atomic bool settled, ended, went_on, parted;
    bool waited;
    long result;
    int error;
    volatile sig_atomic_t handled;
} stage;

static void count_handled(int number)
{
    (void)number;
    stage.handled++;
}

static void call_now(void)
{
    errno = UNTOUCHED;
    stage.settled = !stage.in_fiber; /* on the root fiber's word, else */
    stage.result = stage.row->call();
    stage.error = errno;
    stage.ended = true;
}

static int call_in_fiber(void *unused)
{
    (void)unused;
    if (stage.way == WAY_EARLY)
        weft_cancel(weft_self());
    if (stage.way == WAY_LIMIT) {
        WEFT_TIMEOUT(20 * WEFT_MILLISECOND);
        call_now();
    } else {
        call_now();
    }
    return 0;
}

/* Whether the way ends the call: for ever if it should, a while if it should not. */
static void see_whether_it_ends(void)
{
    for (int i = 0; !stage.ended && (stage.patient || i < 30); i++)
        weft_sleep(WEFT_MILLISECOND);
    stage.went_on = !stage.ended;
}

static int call_from_root(void *unused)
{
    stage.task = weft_go(NULL, call_in_fiber, NOTHING);
    must(stage.task, "a fiber");
    stage.waited = !stage.ended;
    stage.settled = true;
    if (stage.way == WAY_CUT)
        while (!stage.parted)
            weft_sleep(WEFT_MILLISECOND);
    if (stage.way == WAY_CANCEL || stage.way == WAY_CUT) {
        weft_cancel(stage.task);
    } else if (stage.way == WAY_CLOSE) {
        close(place.fd);
        place.closed = true;
    }
    if (stage.waited &&
        (stage.way == WAY_CANCEL || stage.way == WAY_LIMIT || stage.way == WAY_CLOSE))
        see_whether_it_ends();
    weft_join(stage.task, NULL);
    (void)unused;
    return 0;
}

static void *stage_main(void *unused)
{
    sigset_t handled;
    sigemptyset(&handled);
    sigaddset(&handled, SIGUSR1);
    pthread_sigmask(SIG_UNBLOCK, &handled, NULL);
    stage.thread = (pid_t)syscall(SYS_gettid);
    if (!stage.in_fiber)
        call_now();
    else
        must(weft_run(call_from_root, NULL) == 0, "the root fiber");
    return unused;
}

static void breathe(void)
{
    struct timespec moment = { .tv_nsec = 100000 };
    syscall(SYS_nanosleep, &moment, NULL);
}

static bool is_asleep(pid_t thread)
{
    char path[64], text[256] = "";
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)thread);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    long size = syscall(SYS_read, fd, text, sizeof text - 1);
    syscall(SYS_close, fd);
    const char *state = size > 0 ? strrchr(text, ')') : NULL;
    return state && state[2] == 'S';
}

/* Asleep in its call, or through with it. */
static void await_rest(void)
{
    bool busy = stage.row->setting->traits & BUSY;
    int rounds = 0;
    while (!stage.ended) {
        if (stage.settled && (busy ? rounds++ > 20 : is_asleep(stage.thread)))
            break;
        breathe();
    }
}

static void handle(int flags)
{
    struct sigaction action = { .sa_handler = count_handled, .sa_flags = flags };
    sigemptyset(&action.sa_mask);
    must(sigaction(SIGUSR1, &action, NULL) == 0, "a handler is installed");
    syscall(SYS_tgkill, getpid(), stage.thread, SIGUSR1);
    while (!stage.handled)
        breathe();
    await_rest();
    stage.went_on = !stage.ended;
}

/* From the main thread: what ends the call, beside what the root fiber does. */
static void end_call(const struct setting *setting)
{
    switch (stage.way) {
    case WAY_WOKEN:
        stage.went_on = true;
        break;
    case WAY_HANDLER:
        handle(0);
        break;
    case WAY_RESTART:
        handle(SA_RESTART);
        break;
    case WAY_PART:
        setting->part();
        await_rest();
        if (!stage.ended)
            handle(0);
        break;
    case WAY_CUT:
        setting->part();
        await_rest();
        stage.parted = true;
        break;
    default:
        while (!stage.ended && !stage.went_on)
            breathe();
    }
    if (stage.went_on && setting->wake)
        setting->wake();
}

/* As the kind of the call says it. */
static int failure(const char *fails, long result, int error)
{
    if (strcmp(fails, "code") == 0)
        return result > 0 ? (int)result : 0;
    if (strcmp(fails, "eai") == 0)
        return result == EAI_SYSTEM ? error : (int)result;
    if (strcmp(fails, "thrd") == 0)
        return result == thrd_error ? error : (int)result;
    if (strcmp(fails, "null") == 0)
        return result == 0 ? error : 0;
    return result == -1 ? error : 0;
}

static void lay_out(const struct setting *setting)
{
    bool ends = stage.way == WAY_WOKEN || stage.way == WAY_EARLY || stage.way == WAY_BAD;
    memset(&place, 0, sizeof place);
    place.fd = place.peer = place.spare = place.file = -1;
    place.way = stage.way;
    place.nap = ends ? 20 * WEFT_MILLISECOND : 100 * WEFT_SECOND;
    place.size = stage.way == WAY_PART || stage.way == WAY_CUT ? sizeof much : 4;
    memset(much, '.', sizeof much);
    if (setting->prepare)
        setting->prepare();
    if (stage.way == WAY_BAD) {
        close(place.fd);
        place.fd = -1;
    }
}

static struct answer perform(const struct row *row, enum way way, bool in_fiber, bool patient)
{
    const struct setting *setting = row->setting;
    pthread_t thread;
    stage.row = row;
    stage.way = way;
    stage.in_fiber = in_fiber;
    stage.patient = patient;
    stage.thread = 0;
    stage.settled = stage.ended = stage.went_on = stage.parted = stage.waited = false;
    stage.handled = 0;
    lay_out(setting);
    must(pthread_create(&thread, NULL, stage_main, NULL) == 0, "a thread");
    if (!(setting->traits & STILL) && way != WAY_EARLY && way != WAY_BAD) {
        await_rest();
        end_call(setting);
    }
    pthread_join(thread, NULL);
    struct answer answer = {
        .waited = stage.waited,
        .went_on = stage.went_on,
        .result = stage.result,
        .error = failure(stage.entry->fails, stage.result, stage.error),
        .left = stage.error,
    };
    if (setting->finish)
        setting->finish();
    memcpy(answer.bytes, place.bytes, sizeof answer.bytes);
    answer.arrived = place.arrived;
    place_clean();
    return answer;
}

/* --- what is claimed of it */

static bool same(const struct answer *a, const struct answer *b)
{
    bool errors = a->error || b->error;
    return a->went_on == b->went_on && a->error == b->error && (errors || a->result == b->result) &&
           a->arrived == b->arrived && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0 &&
           (errors || b->left == UNTOUCHED || b->left == a->left);
}

static struct answer compare(const struct row *row, enum way way, const char *what)
{
    struct answer bare = perform(row, way, false, true), hooked = perform(row, way, true, true);
    if (!printing)
        ok(same(&bare, &hooked),
           "%s, %s, %s: %ld, error %d, %zu moved, went on %d; bare: %ld, %d, %zu, %d", row->name,
           row->text, what, hooked.result, hooked.error, hooked.arrived, hooked.went_on,
           bare.result, bare.error, bare.arrived, bare.went_on);
    return hooked;
}

static const char *error_name(const struct answer *answer)
{
    return answer->error ? strerrorname_np(answer->error) : "returns";
}

static void note(struct outcomes *found, int column, const char *text)
{
    snprintf(found->cell[column], sizeof found->cell[column], "%s", text);
}

/* The way of a fiber alone: there is no bare call to compare with. */
static void alone(const struct row *row, enum way way, const struct outcomes *expected,
                  struct outcomes *found, int column)
{
    bool patient = !printing && strcmp(expected->cell[column], "goes on") != 0;
    struct answer answer = perform(row, way, true, patient);
    note(found, column, answer.went_on ? "goes on" : error_name(&answer));
    if (answer.went_on && !printing)
        ok(answer.error == 0, "%s, %s: woken after all, it answers %ld", row->name, row->text,
           answer.result);
}

static void early(const struct row *row)
{
    const struct entry *entry = stage.entry;
    struct answer answer = perform(row, WAY_EARLY, true, true);
    if (printing)
        return;
    bool may_answer = strcmp(entry->point, "self") == 0 && (row->setting->traits & STILL);
    if (strcmp(entry->point, "no") != 0 && !may_answer)
        ok(answer.error == ECANCELED, "%s, %s: cancelled before: %s", row->name, row->text,
           error_name(&answer));
    else
        ok(answer.error != ECANCELED, "%s, %s: no cancellation point: %ld, error %d", row->name,
           row->text, answer.result, answer.error);
}

static void handled_whole(const struct row *row, struct outcomes *found)
{
    struct answer bare = perform(row, WAY_WOKEN, false, true);
    struct answer hooked = perform(row, WAY_HANDLER, true, true);
    if (!printing)
        ok(hooked.went_on && hooked.arrived == bare.arrived,
           "%s, %s: a handler: %zu arrived; without one: %zu", row->name, row->text, hooked.arrived,
           bare.arrived);
    note(found, OUTCOME_HANDLER, hooked.went_on ? "goes on" : error_name(&hooked));
}

static void handled(const struct row *row, struct outcomes *found)
{
    if (UNDER_TSAN) /* installs handlers of its own past the hooks */
        return;
    if (row->setting->traits & WHOLE) {
        handled_whole(row, found);
        return;
    }
    struct answer plain = compare(row, WAY_HANDLER, "a handler");
    if (row->setting->traits & ASYNC) {
        note(found, OUTCOME_HANDLER, error_name(&plain));
        return;
    }
    struct answer restart = compare(row, WAY_RESTART, "a handler with SA_RESTART");
    note(found, OUTCOME_HANDLER,
         plain.went_on     ? "goes on"
         : restart.went_on ? "EINTR or restart"
                           : error_name(&plain));
}

static bool is_part(const struct answer *answer)
{
    return answer->error == 0 && answer->result > 0 && (size_t)answer->result < sizeof much;
}

static void parted(const struct row *row, struct outcomes *found)
{
    if (!UNDER_TSAN) {
        struct answer bare = perform(row, WAY_PART, false, true);
        struct answer hooked = perform(row, WAY_PART, true, true);
        if (!printing)
            ok(is_part(&bare) && is_part(&hooked) && (size_t)hooked.result == hooked.arrived,
               "%s, %s: a handler after a part: %ld of %zu that arrived; bare: %ld", row->name,
               row->text, hooked.result, hooked.arrived, bare.result);
    }
    struct answer cut = perform(row, WAY_CUT, true, true);
    bool told = is_part(&cut) && (size_t)cut.result == cut.arrived;
    if (!told && !printing)
        diag("%s, %s: cut: %ld of %zu, error %d", row->name, row->text, cut.result, cut.arrived,
             cut.error);
    note(found, OUTCOME_PART, told ? "told" : error_name(&cut));
}

static void try_all(const struct row *row, const struct outcomes *expected, struct outcomes *found)
{
    unsigned traits = row->setting->traits;
    struct answer answer = { 0 };
    for (int i = 0; i < CELLS; i++)
        note(found, i, "-");
    if (!(traits & ASYNC)) {
        answer = compare(row, WAY_WOKEN, traits & STILL ? "as it is" : "woken");
        if (!(traits & STILL))
            note(found, OUTCOME_WAITS, answer.waited ? "parks" : "holds the thread");
    } else {
        note(found, OUTCOME_WAITS, "parks");
    }
    if ((traits & DESCRIPTOR) && !(traits & IGNORING))
        compare(row, WAY_BAD, "a bad descriptor");
    if (strcmp(stage.entry->point, "no") != 0 || traits & STILL)
        early(row);
    if (traits & STILL)
        return;
    if (traits & BRIEF) {
        note(found, OUTCOME_CANCEL, "either");
        note(found, OUTCOME_LIMIT, "either");
        return;
    }
    alone(row, WAY_CANCEL, expected, found, OUTCOME_CANCEL);
    alone(row, WAY_LIMIT, expected, found, OUTCOME_LIMIT);
    if (traits & DESCRIPTOR)
        alone(row, WAY_CLOSE, expected, found, OUTCOME_CLOSE);
    handled(row, found);
    if (row->setting->part)
        parted(row, found);
}

/* --- the table of outcomes: a name and what was noted, a line a case */

static const struct entry *entry_of(const char *name)
{
    for (size_t i = 0; i < COUNT(entries); i++)
        if (strcmp(entries[i].name, name) == 0)
            return &entries[i];
    must(false, "%s has a case, but no row in hook.tbl", name);
    return NULL;
}

static void print_outcomes(const struct row *row, const struct outcomes *found)
{
    char line[256];
    int size = snprintf(line, sizeof line, "%s", row->name);
    for (int i = 0; i < CELLS; i++)
        size += snprintf(line + size, sizeof line - (size_t)size, " | %s", found->cell[i]);
    tap__say("%s", line);
}

/* A name with several cases has several lines, in the same order. */
static struct outcomes expected_of(FILE *table, const struct row *row)
{
    const char *name = row->name;
    int before = 0;
    char line[256];
    struct outcomes expected = { 0 };
    for (const struct row *other = rows; other != row; other = other->next)
        before += strcmp(other->name, name) == 0;
    rewind(table);
    while (fgets(line, sizeof line, table)) {
        char *rest = line, *cell = strsep(&rest, "|\n");
        if (line[0] == '#' || strncmp(cell, name, strlen(name)) != 0 ||
            strspn(cell + strlen(name), " ") != strlen(cell + strlen(name)) || before-- > 0)
            continue;
        for (int i = 0; i < CELLS; i++) {
            cell = strsep(&rest, "|\n");
            must(cell, "%s: six cells", name);
            cell += strspn(cell, " ");
            for (size_t end = strlen(cell); end > 0 && cell[end - 1] == ' '; end--)
                cell[end - 1] = '\0';
            note(&expected, i, cell);
        }
        return expected;
    }
    must(false, "%s: has a case, and no line in the table of outcomes (rows --outcomes)", name);
    return expected;
}

static const char *const columns[CELLS] = { "waits",  "cancelled", "late",
                                            "closed", "handler",   "part" };

static void try_row(const struct row *row, FILE *table)
{
    struct outcomes expected = { 0 }, found;
    if (!printing)
        expected = expected_of(table, row);
    try_all(row, &expected, &found);
    if (printing) {
        print_outcomes(row, &found);
        return;
    }
    for (int i = 0; i < CELLS; i++)
        if (!(UNDER_TSAN && (i == OUTCOME_HANDLER)))
            is_str(found.cell[i], expected.cell[i], "%s, %s: %s: %s", row->name, row->text,
                   columns[i], expected.cell[i]);
}

static void tell_where(int number)
{
    (void)number;
    tap__say("Bail out! %s hangs, way %d, %s", current, (int)stage.way,
             stage.in_fiber ? "in a fiber" : "bare");
    _exit(1);
}

int main(int argc, char **argv)
{
    sigset_t ours;
    signal(SIGALRM, tell_where);
    printing = argc == 2 && strcmp(argv[1], "--outcomes") == 0;
    must(printing || argc == 3, "rows OUTCOMES FAMILY, or rows --outcomes");
    sigemptyset(&ours);
    sigaddset(&ours, SIGUSR1);
    sigaddset(&ours, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &ours, NULL);
    FILE *table = printing ? NULL : fopen(argv[1], "re");
    must(printing || table, "%s can be read", argv[1]);
    for (const struct row *row = rows; row; row = row->next) {
        stage.entry = entry_of(row->name);
        if (!printing && strcmp(stage.entry->family, argv[2]) != 0)
            continue;
        alarm(FUSE);
        current = row->text;
        try_row(row, table);
    }
    if (table)
        fclose(table);
    return printing ? 0 : done_testing();
}
