/* Message queues and semaphores between processes, of System V and of POSIX. */
#include "hook.h"

#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/wait.h>

struct message {
    long type;
    char text[16];
};

enum ending {
    RELEASED,
    CANCELLED,
    LATE,
    GONE, /* removed, or closed, under the waiter */
    HANDLED,
    ENDINGS
};

static const char *const endings[] = { "released", "cancelled", "late", "gone", "interrupted" };

static int queue = -1, set = -1;
static mqd_t mq = -1;

/* --- the calls */

static long call_msgrcv(int unused)
{
    (void)unused;
    struct message message = { 0 };
    long size = msgrcv(queue, &message, sizeof message.text, 7, 0);
    return size == 3 && memcmp(message.text, "one", 3) != 0 ? -2 : size;
}

static long call_msgsnd(int unused)
{
    (void)unused;
    struct message message = { .type = 7, .text = "one" };
    return msgsnd(queue, &message, 3, 0);
}

static long call_semop(int unused)
{
    (void)unused;
    struct sembuf two[] = { { .sem_num = 0, .sem_op = -1 }, { .sem_num = 1, .sem_op = 1 } };
    return semop(set, two, 2);
}

static long call_semtimedop(int unused)
{
    (void)unused;
    struct timespec limit = { .tv_sec = 30 };
    struct sembuf one = { .sem_num = 0, .sem_op = -1, .sem_flg = SEM_UNDO };
    return semtimedop(set, &one, 1, &limit);
}

static long call_mq_receive(int unused)
{
    (void)unused;
    char text[16];
    unsigned priority = 0;
    long size = mq_receive(mq, text, sizeof text, &priority);
    return size == 3 && (priority != 5 || memcmp(text, "one", 3) != 0) ? -2 : size;
}

static struct timespec in(int seconds)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    time.tv_sec += seconds;
    return time;
}

static long call_mq_timedreceive(int unused)
{
    (void)unused;
    char text[16];
    struct timespec time = in(30);
    return mq_timedreceive(mq, text, sizeof text, NULL, &time);
}

static long call_mq_send(int unused)
{
    (void)unused;
    return mq_send(mq, "one", 3, 5);
}

static long call_mq_timedsend(int unused)
{
    (void)unused;
    struct timespec time = in(30);
    return mq_timedsend(mq, "one", 3, 5, &time);
}

/* --- the other side: what makes them wait, and what lets them go on */

static void sysv_make(void)
{
    struct msqid_ds state;
    queue = msgget(IPC_PRIVATE, 0600);
    set = semget(IPC_PRIVATE, 2, 0600);
    must(queue >= 0 && set >= 0 && msgctl(queue, IPC_STAT, &state) == 0, "a queue and a set");
    state.msg_qbytes = 3;
    must(msgctl(queue, IPC_SET, &state) == 0, "a small queue");
}

static void sysv_remove(void)
{
    msgctl(queue, IPC_RMID, NULL);
    semctl(set, 0, IPC_RMID);
}

static void sysv_fill(void)
{
    must(call_msgsnd(0) == 0, "a full queue");
}

static void sysv_empty(void)
{
    must(call_msgrcv(0) == 3, "a message less");
}

static void sysv_raise(void)
{
    must(semctl(set, 0, SETVAL, 1) == 0, "a semaphore's value");
}

static void mq_make(void)
{
    char name[64];
    snprintf(name, sizeof name, "/weft-test-%d", (int)getpid());
    struct mq_attr attributes = { .mq_maxmsg = 1, .mq_msgsize = 16 };
    mq = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attributes);
    must(mq >= 0 && mq_unlink(name) == 0, "a queue");
}

static void mq_remove(void)
{
    mq_close(mq);
}

static void mq_fill(void)
{
    must(call_mq_send(0) == 0, "a full queue");
}

static void mq_empty(void)
{
    must(call_mq_receive(0) == 3, "a message less");
}

static const struct {
    const char *name;
    long (*call)(int unused);
    void (*make)(void);
    void (*block)(void);
    void (*release)(void);
    void (*remove)(void);
    long result;
    int gone;
    bool restarts; /* after a handler with SA_RESTART */
} calls[] = {
    { "msgrcv", call_msgrcv, sysv_make, NULL, sysv_fill, sysv_remove, 3, EIDRM, false },
    { "msgsnd", call_msgsnd, sysv_make, sysv_fill, sysv_empty, sysv_remove, 0, EIDRM, false },
    { "semop", call_semop, sysv_make, NULL, sysv_raise, sysv_remove, 0, EIDRM, false },
    { "semtimedop", call_semtimedop, sysv_make, NULL, sysv_raise, sysv_remove, 0, EIDRM, false },
    { "mq_receive", call_mq_receive, mq_make, NULL, mq_fill, mq_remove, 3, EBADF, true },
    { "mq_timedreceive", call_mq_timedreceive, mq_make, NULL, mq_fill, mq_remove, 3, EBADF, true },
    { "mq_send", call_mq_send, mq_make, mq_fill, mq_empty, mq_remove, 0, EBADF, true },
    { "mq_timedsend", call_mq_timedsend, mq_make, mq_fill, mq_empty, mq_remove, 0, EBADF, true },
};

static volatile sig_atomic_t handled;

static void on_signal(int number)
{
    (void)number;
    handled++;
}

static void end(size_t which, enum ending ending, struct weft_task *task)
{
    if (ending == RELEASED)
        calls[which].release();
    else if (ending == CANCELLED)
        weft_cancel(task);
    else if (ending == GONE)
        calls[which].remove();
    else if (ending == HANDLED)
        kill(getpid(), SIGUSR1);
}

static int expected_error(size_t which, enum ending ending)
{
    const int errors[] = { UNTOUCHED, ECANCELED, ETIMEDOUT, calls[which].gone, EINTR };
    return errors[ending];
}

static void ends(size_t which, enum ending ending)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    calls[which].make();
    if (calls[which].block)
        calls[which].block();
    struct trial trial = { .call = calls[which].call,
                           .timeout = ending == LATE ? 10 * WEFT_MILLISECOND : 0 };
    struct weft_task *task = trial_start(&scope, &trial);
    bool parked = !trial.ended;
    usleep(2000);
    parked = parked && (!trial.ended || ending == LATE);
    end(which, ending, task);
    bool goes_on = ending == HANDLED && calls[which].restarts;
    if (goes_on) {
        usleep(2000);
        parked = parked && !trial.ended;
        calls[which].release();
    }
    trial_join(task);
    int error = goes_on ? UNTOUCHED : expected_error(which, ending);
    ok(parked && trial.error == error &&
           trial.result == (error == UNTOUCHED ? calls[which].result : -1),
       "%s parks until %s (%ld, errno %d)", calls[which].name, endings[ending], trial.result,
       trial.error);
    if (ending != RELEASED && ending != GONE && !goes_on) {
        /* nothing has happened: what it would have taken is there, and what it sent is not */
        calls[which].release();
        errno = UNTOUCHED;
        ok(calls[which].call(0) == calls[which].result && errno == UNTOUCHED,
           "%s: nothing was lost or done twice", calls[which].name);
    }
    if (ending != GONE)
        calls[which].remove();
}

FIBER(ending_all)
{
    struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
    sigaction(SIGUSR1, &action, NULL);
    for (size_t i = 0; i < COUNT(calls); i++)
        for (int ending = 0; ending < ENDINGS; ending++)
            ends(i, (enum ending)ending);
    sysv_make();
    mq_make();
    return 0;
}

/* --- the same answers as outside */

enum {
    ANSWERS = 32
};

static struct {
    long result;
    int error;
} answers[2][ANSWERS];

static int turn, answered;

static void note(long result)
{
    answers[turn][answered].result = result;
    answers[turn][answered++].error = errno;
    errno = UNTOUCHED;
}

FIBER(answer_sysv)
{
    struct message message = { .type = 7, .text = "one" };
    struct sembuf one = { .sem_op = -1, .sem_flg = IPC_NOWAIT }, far = { .sem_num = 9 };
    struct sembuf down = { .sem_op = -1 };
    struct timespec soon = { .tv_nsec = 1000000 }, now = { 0 }, bad = { .tv_nsec = -1 };
    errno = UNTOUCHED;
    note(msgrcv(queue, &message, 16, 7, IPC_NOWAIT));
    note(msgrcv(-1, &message, 16, 7, 0));
    message.type = 0;
    note(msgsnd(queue, &message, 3, 0));
    message.type = 7;
    note(msgsnd(queue, &message, 3, 0));
    note(msgsnd(queue, &message, 3, IPC_NOWAIT));
    note(msgrcv(queue, &message, 1, 7, 0));
    note(msgrcv(queue, &message, 1, 7, MSG_NOERROR));
    note(msgsnd(queue, nowhere(), 3, 0));
    note(semop(set, &one, 1));
    note(semop(set, &far, 1));
    note(semop(set, &one, 0));
    note(semtimedop(set, &down, 1, &soon));
    note(semtimedop(set, &down, 1, &now));
    note(semtimedop(set, &down, 1, &bad));
    note(semop(-1, &down, 1));
    return 0;
}

FIBER(answer_mq)
{
    char text[16];
    struct timespec soon = in(0), past = { .tv_sec = 1 }, bad = { .tv_nsec = 1000000000 };
    struct timespec before = { .tv_sec = -1 };
    struct mq_attr nonblocking = { .mq_flags = O_NONBLOCK }, blocking = { 0 };
    soon.tv_nsec = soon.tv_nsec < 990000000 ? soon.tv_nsec + 5000000 : soon.tv_nsec;
    errno = UNTOUCHED;
    note(mq_receive(mq, text, 15, NULL));
    note(mq_receive(-1, text, 16, NULL));
    note(mq_timedreceive(mq, text, 16, NULL, &soon));
    note(mq_timedreceive(mq, text, 16, NULL, &past));
    note(mq_timedreceive(mq, text, 16, NULL, &bad));
    note(mq_timedreceive(mq, text, 16, NULL, &before));
    note(mq_send(mq, text, 17, 0));
    note(mq_send(mq, text, 1, 1000000));
    note(mq_send(mq, nowhere(), 1, 0));
    note(mq_timedsend(mq, "one", 3, 5, &bad));
    note(mq_send(mq, "one", 3, 5));
    note(mq_timedsend(mq, "one", 3, 5, &soon));
    mq_setattr(mq, &nonblocking, NULL);
    note(mq_send(mq, "one", 3, 5));
    note(mq_receive(mq, text, 16, NULL));
    note(mq_receive(mq, text, 16, NULL));
    mq_setattr(mq, &blocking, NULL);
    return 0;
}

static void answers_are_the_same(int (*function)(void *), const char *name)
{
    turn = answered = 0;
    function(NULL);
    int count = answered;
    turn = 1, answered = 0;
    must(weft_run(function, NULL) == 0, "%s ran to its end", name);
    for (int i = 0; i < count; i++)
        ok(answers[0][i].result == answers[1][i].result &&
               answers[0][i].error == answers[1][i].error,
           "%s: answer %d is that outside of a fiber (%ld, errno %d; %ld, errno %d)", name, i,
           answers[0][i].result, answers[0][i].error, answers[1][i].result, answers[1][i].error);
}

/* --- many, and rare */

enum {
    CROWD = 100 /* more than have a thread each */
};

static int passed;

FIBER(take_one)
{
    struct sembuf one = { .sem_op = -1 };
    must(semop(set, &one, 1) == 0, "one of many");
    passed++;
    return 0;
}

FIBER(crowding)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    passed = 0;
    must(semctl(set, 0, SETVAL, 0) == 0, "nothing to take");
    for (int i = 0; i < CROWD; i++)
        weft_go(&scope, take_one, NOTHING);
    struct sembuf more = { .sem_op = 10 };
    for (int i = 0; i < CROWD / 10; i++) {
        must(semop(set, &more, 1) == 0, "ten more");
        while (passed < (i + 1) * 10)
            usleep(1000);
    }
    must(weft_scope_wait(&scope) == 0, "all of them");
    ok(passed == CROWD && semctl(set, 0, GETVAL) == 0,
       "%d fibers wait for a semaphore, each gets one", CROWD);
    return 0;
}

static long call_zero(int unused)
{
    (void)unused;
    struct sembuf zero = { .sem_op = 0 };
    return semop(set, &zero, 1);
}

FIBER(zero_is_not_missed)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    must(semctl(set, 0, SETVAL, 1) == 0, "not zero");
    struct trial trial = { .call = call_zero };
    struct weft_task *task = trial_start(&scope, &trial);
    while (semctl(set, 0, GETZCNT) == 0)
        usleep(500);
    struct sembuf down = { .sem_op = -1 }, up = { .sem_op = 1 };
    must(syscall(SYS_semtimedop, set, &down, 1, NULL) == 0 &&
             syscall(SYS_semtimedop, set, &up, 1, NULL) == 0,
         "zero for a moment");
    trial_join(task);
    ok(trial.result == 0 && trial.error == UNTOUCHED, "a moment at zero wakes who waits for it");
    return 0;
}

/* A message that comes as the wait is called off is either taken or still there. */
FIBER(no_message_is_lost)
{
    int taken = 0, left = 0;
    for (int i = 0; i < 300; i++) {
        WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
        struct trial trial = { .call = call_msgrcv };
        struct weft_task *task = trial_start(&scope, &trial);
        if (i % 3 != 0)
            usleep((useconds_t)(i % 50));
        pid_t child = i % 30 == 0 ? fork() : -1;
        if (child <= 0) {
            struct message message = { .type = 7, .text = "one" };
            long sent = syscall(SYS_msgsnd, queue, &message, 3L, 0);
            if (child == 0)
                _exit(sent != 0);
        }
        weft_cancel(task);
        trial_join(task);
        if (child > 0)
            waitpid(child, NULL, 0);
        struct message rest;
        bool got = trial.result == 3;
        bool there = msgrcv(queue, &rest, 16, 7, IPC_NOWAIT) == 3;
        taken += got;
        left += there;
        if (got == there || (!got && trial.error != ECANCELED))
            ok(false, "turn %d: taken %d, there %d, errno %d", i, got, there, trial.error);
    }
    ok(taken + left == 300, "a message is taken (%d) or left (%d), never lost", taken, left);
    return 0;
}

/* The signal by which threads are called back is none of the program's. */
FIBER(signals_stay_the_programs)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    handled = 0;
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
        signal(number, on_signal);
    struct trial trial = { .call = call_msgrcv };
    struct weft_task *task = trial_start(&scope, &trial);
    usleep(2000);
    weft_cancel(task);
    trial_join(task);
    ok(trial.result == -1 && trial.error == ECANCELED && handled == 0,
       "with all signals in use a wait is called off without one");
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
        signal(number, SIG_DFL);
    return 0;
}

int main(void)
{
    sysv_make();
    answers_are_the_same(answer_sysv, "System V");
    in_runtime(crowding);
    in_runtime(zero_is_not_missed);
    in_runtime(no_message_is_lost);
    in_runtime(signals_stay_the_programs);
    sysv_remove();
    mq_make();
    answers_are_the_same(answer_mq, "POSIX");
    mq_remove();
    in_runtime(ending_all);
    sysv_remove();
    mq_remove();
    return done_testing();
}
