/* Rows: message queues and semaphores between processes. */
#include "rows.h"

#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>

struct letter {
    long type;
    char text[4];
};

static int queue = -1, set = -1;
static struct letter letter;

static const struct letter *outgoing(void)
{
    static const struct letter text = { 7, "abc" };
    return &text;
}

static void prepare_queue(void)
{
    queue = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
    must(queue >= 0, "a message queue");
}

static void wake_queue(void)
{
    must(msgsnd(queue, outgoing(), sizeof letter.text, 0) == 0, "a message");
}

static void finish_queue(void)
{
    memcpy(place.bytes, &letter, sizeof letter);
    memset(&letter, 0, sizeof letter);
    msgctl(queue, IPC_RMID, NULL);
}

static const struct setting empty_queue = { .prepare = prepare_queue,
                                            .wake = wake_queue,
                                            .finish = finish_queue };

static void prepare_full_queue(void)
{
    prepare_queue();
    while (msgsnd(queue, outgoing(), sizeof letter.text, IPC_NOWAIT) == 0)
        ;
}

static void drain_queue(void)
{
    while (msgrcv(queue, &letter, sizeof letter.text, 0, IPC_NOWAIT) >= 0)
        ;
}

static const struct setting full_queue = { .prepare = prepare_full_queue,
                                           .wake = drain_queue,
                                           .finish = finish_queue };

ROW(msgrcv, empty_queue, msgrcv(queue, &letter, sizeof letter.text, 0, 0))
ROW(msgrcv, still, msgrcv(-1, &letter, sizeof letter.text, 0, 0))
ROW(msgsnd, full_queue, msgsnd(queue, outgoing(), sizeof letter.text, 0))
ROW(msgsnd, still, msgsnd(-1, outgoing(), sizeof letter.text, 0))

static void prepare_set(void)
{
    set = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
    must(set >= 0, "a set of semaphores");
}

static struct sembuf *by(short number)
{
    static struct sembuf operation;
    operation = (struct sembuf){ .sem_op = number };
    return &operation;
}

static void wake_set(void)
{
    must(semop(set, by(1), 1) == 0, "one up");
}

static void finish_set(void)
{
    semctl(set, 0, IPC_RMID);
}

static const struct setting empty_set = { .prepare = prepare_set,
                                          .wake = wake_set,
                                          .finish = finish_set };

ROW(semop, empty_set, semop(set, by(-1), 1))
ROW(semop, still, semop(-1, by(-1), 1))
ROW(semtimedop, empty_set, semtimedop(set, by(-1), 1, LONG_SPAN))
ROW(semtimedop, still, semtimedop(-1, by(-1), 1, LONG_SPAN))

/* --- POSIX: a queue is a descriptor */

static void prepare_posix(void)
{
    struct mq_attr attributes = { .mq_maxmsg = 2, .mq_msgsize = 8 };
    char name[32];
    snprintf(name, sizeof name, "/weft-rows-%d", (int)getpid());
    place.fd = mq_open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600, &attributes);
    place.peer = mq_open(name, O_RDWR | O_CLOEXEC);
    mq_unlink(name);
    must(place.fd >= 0 && place.peer >= 0, "a message queue");
}

static void wake_posix(void)
{
    must(mq_send(place.peer, "abcd", 4, 0) == 0, "a message");
}

static const struct setting empty_posix = { .prepare = prepare_posix,
                                            .wake = wake_posix,
                                            .traits = DESCRIPTOR };

static void prepare_full_posix(void)
{
    prepare_posix();
    wake_posix();
    wake_posix();
}

static void drain_posix(void)
{
    must(mq_receive(place.peer, place.bytes, 8, NULL) == 4, "a message is taken");
}

static const struct setting full_posix = { .prepare = prepare_full_posix,
                                           .wake = drain_posix,
                                           .traits = DESCRIPTOR };
static const struct setting any_posix = { .prepare = prepare_posix, .traits = STILL };

static long closed_queue(void)
{
    int fd = place.fd;
    place.fd = -1;
    return mq_close(fd) == 0 ? mq_close(fd) : -2;
}

ROW(mq_receive, empty_posix, mq_receive(place.fd, place.bytes, 8, NULL))
ROW(mq_timedreceive, empty_posix, mq_timedreceive(place.fd, place.bytes, 8, NULL, SOON))
ROW(mq_send, full_posix, mq_send(place.fd, "wxyz", 4, 0))
ROW(mq_timedsend, full_posix, mq_timedsend(place.fd, "wxyz", 4, 0, SOON))
ROW(mq_close, any_posix, closed_queue())
