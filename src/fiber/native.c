/*
 * What another thread of the process does natively.
 *
 * A thread that computes is asked by a signal: it walks its own stack. One that sleeps in a system
 * call is not: a signal would end many calls with EINTR, however it is installed. The kernel tells
 * where it is, and its stack, which does not change meanwhile, is searched for return addresses.
 * SIGURG is ignored by default, so that neither a late one nor a debugger takes notice of it.
 */
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <dlfcn.h>

#include "base/lock.h"
#include "fiber/fiber.h"
#include "fiber/watchdog.h"

#define ANSWER_WITHIN (20 * WEFT_MILLISECOND)

enum {
    SCANNED_WORDS = 1024, /* of a stack: 8 KiB */
    SKIPPED_MOST = 8,     /* frames of the handler itself */
    LONGEST_CALL = 7      /* bytes */
};

enum {
    IDLE,
    ASKED,
    ANSWERING,
    ANSWERED
};

static struct {
    _Atomic uint32_t state;
    _Atomic pid_t thread;
    int count;
    const void *interrupted;
    void *frames[WEFT__NATIVE_FRAMES + SKIPPED_MOST];
} question;

static const void *interrupted_at(const void *context)
{
    const ucontext_t *state = context;
#if defined(__x86_64__)
    return (const void *)(uintptr_t)state->uc_mcontext.gregs[REG_RIP];
#else
    return (const void *)(uintptr_t)state->uc_mcontext.pc;
#endif
}

static void answer(int number, siginfo_t *info, void *context)
{
    (void)number, (void)info;
    int saved = errno;
    uint32_t expected = ASKED;
    if (atomic_load(&question.thread) == (pid_t)syscall(SYS_gettid) &&
        atomic_compare_exchange_strong(&question.state, &expected, ANSWERING)) {
        question.count = backtrace(question.frames, WEFT__NATIVE_FRAMES + SKIPPED_MOST);
        question.interrupted = interrupted_at(context);
        atomic_store(&question.state, ANSWERED);
        weft__futex_wake(&question.state, 1);
    }
    errno = saved;
}

void weft__native_prepare(void)
{
    void *frame[1];
    backtrace(frame, 1); /* its first call loads the unwinder, which no handler may */
    struct sigaction present;
    if (weft__sigaction(SIGURG, NULL, &present) < 0 || present.sa_handler != SIG_DFL)
        return; /* the program's own: it stays so, and stacks are not told */
    struct sigaction action = { .sa_sigaction = answer,
                                .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK };
    sigemptyset(&action.sa_mask);
    weft__sigaction(SIGURG, &action, NULL);
}

bool weft__native_owns(const struct sigaction *action)
{
    return action->sa_sigaction == answer;
}

/* One small file of /proc; its length, 0 if there is none. */
static size_t read_file(const char *path, char *text, size_t size)
{
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    long length = syscall(SYS_read, fd, text, size - 1);
    syscall(SYS_close, fd);
    text[length > 0 ? length : 0] = '\0';
    return length > 0 ? (size_t)length : 0;
}

/* Ours still, and not held back in that thread, where it could meet a signalfd? */
static bool can_ask(pid_t thread)
{
    struct sigaction present;
    if (weft__sigaction(SIGURG, NULL, &present) < 0 || present.sa_sigaction != answer)
        return false;
    static char text[4096]; /* the watchdog's thread alone is here */
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/status", (int)thread);
    const char *line = read_file(path, text, sizeof text) ? strstr(text, "\nSigBlk:") : NULL;
    unsigned long long blocked;
    return line && sscanf(line, "\nSigBlk: %llx", &blocked) == 1 &&
           !(blocked & 1ULL << (SIGURG - 1));
}

static bool ask(pid_t thread)
{
    int64_t deadline = weft__clock() + ANSWER_WITHIN;
    atomic_store(&question.thread, thread);
    atomic_store(&question.state, ASKED);
    uint32_t state = ASKED;
    if (syscall(SYS_tgkill, getpid(), thread, SIGURG) == 0)
        while ((state = atomic_load(&question.state)) != ANSWERED) {
            int64_t left = deadline - weft__clock();
            if (left <= 0)
                break;
            weft__futex_wait(&question.state, state, left);
        }
    if (state == ANSWERED || !atomic_compare_exchange_strong(&question.state, &state, IDLE)) {
        while (atomic_load(&question.state) != ANSWERED)
            weft__thread_sleep(WEFT_MILLISECOND); /* it writes into the question */
        return true;
    }
    return state == ANSWERED;
}

void weft__native_running(pid_t thread, struct weft__native *native)
{
    *native = (struct weft__native){ .number = -1 };
#ifndef WEFT__TSAN /* it keeps signals back until the thread calls something */
    if (!can_ask(thread) || !ask(thread))
        return;
    int first = 0;
    while (first < question.count && question.frames[first] != question.interrupted)
        first++;
    if (first == question.count) {
        native->frames[native->count++] = question.interrupted;
        return;
    }
    for (int i = first; i < question.count && native->count < WEFT__NATIVE_FRAMES; i++)
        native->frames[native->count++] = question.frames[i];
#else
    (void)thread, (void)can_ask, (void)ask;
#endif
}

/* In an executable segment of a loaded object, far enough from its begin to be looked before? */
static bool is_code(uintptr_t word)
{
    Dl_info info;
    struct link_map *map = NULL;
    if (!dladdr1((const void *)word, &info, (void **)&map, RTLD_DL_LINKMAP) || !map)
        return false;
    const ElfW(Ehdr) *header = info.dli_fbase;
    if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
        return false;
    const ElfW(Phdr) *segments = (const void *)((const char *)header + header->e_phoff);
    for (unsigned i = 0; i < header->e_phnum; i++) {
        uintptr_t start = map->l_addr + segments[i].p_vaddr;
        if (segments[i].p_type == PT_LOAD && segments[i].p_flags & PF_X &&
            word >= start + LONGEST_CALL && word - start < segments[i].p_memsz)
            return true;
    }
    return false;
}

/* Is it preceded by a call? */
__attribute__((no_sanitize_address)) static bool is_return_address(uintptr_t word)
{
    if (!is_code(word))
        return false;
    const volatile unsigned char *after = (const volatile unsigned char *)word;
#if defined(__x86_64__)
    if (after[-5] == 0xe8)
        return true;
    for (int length = 2; length <= LONGEST_CALL; length++) /* call *register or *memory */
        if (after[-length] == 0xff && (after[1 - length] & 0x38) == 0x10)
            return true;
    return false;
#else
    uint32_t before = (uint32_t)after[-4] | (uint32_t)after[-3] << 8 | (uint32_t)after[-2] << 16 |
                      (uint32_t)after[-1] << 24;
    return (before & 0xfc000000) == 0x94000000 || (before & 0xfffffc1f) == 0xd63f0000;
#endif
}

__attribute__((no_sanitize_thread, no_sanitize_address)) static void
scan(const struct weft__holder *holder, uintptr_t sp, struct weft__native *native)
{
    if (sp < (uintptr_t)holder->low || sp >= (uintptr_t)holder->high || sp % sizeof(uintptr_t))
        return;
    const volatile uintptr_t *word = (const volatile uintptr_t *)sp;
    for (int i = 0; i < SCANNED_WORDS && (const char *)(uintptr_t)word < holder->high;
         i++, word++) {
        uintptr_t value = *word;
        if (native->count < WEFT__NATIVE_FRAMES && is_return_address(value))
            native->frames[native->count++] = (const void *)value;
    }
}

bool weft__native_blocked(pid_t thread, const struct weft__holder *holder,
                          struct weft__native *native)
{
    char path[64], text[256];
    snprintf(path, sizeof path, "/proc/self/task/%d/syscall", (int)thread);
    *native = (struct weft__native){ .number = -1 };
    if (!read_file(path, text, sizeof text) || strncmp(text, "running", 7) == 0)
        return false;
    char *rest;
    native->blocked = true;
    native->number = strtol(text, &rest, 10);
    const char *last = strrchr(text, ' ');
    const char *stack = last;
    while (stack && stack > text && *--stack != ' ')
        ;
    if (!last || !stack)
        return true;
    native->frames[native->count++] = (const void *)(uintptr_t)strtoull(last, NULL, 16);
    scan(holder, (uintptr_t)strtoull(stack, NULL, 16), native);
    return true;
}

/* Those in which a thread is likely to be found asleep. */
static const struct {
    long number;
    const char *name;
} calls[] = {
#define CALL(name)                                                                                 \
    {                                                                                              \
        SYS_##name, #name                                                                          \
    }
    CALL(read),
    CALL(write),
    CALL(readv),
    CALL(writev),
    CALL(pread64),
    CALL(pwrite64),
    CALL(preadv),
    CALL(pwritev),
    CALL(preadv2),
    CALL(pwritev2),
    CALL(openat),
    CALL(close),
    CALL(fsync),
    CALL(fdatasync),
    CALL(sync),
    CALL(syncfs),
    CALL(sync_file_range),
    CALL(msync),
    CALL(ftruncate),
    CALL(fallocate),
    CALL(getdents64),
    CALL(newfstatat),
    CALL(statx),
    CALL(unlinkat),
    CALL(renameat2),
    CALL(mkdirat),
    CALL(flock),
    CALL(fcntl),
    CALL(ioctl),
    CALL(ppoll),
    CALL(pselect6),
    CALL(epoll_pwait),
    CALL(connect),
    CALL(accept),
    CALL(accept4),
    CALL(recvfrom),
    CALL(recvmsg),
    CALL(recvmmsg),
    CALL(sendto),
    CALL(sendmsg),
    CALL(sendmmsg),
    CALL(sendfile),
    CALL(splice),
    CALL(tee),
    CALL(vmsplice),
    CALL(copy_file_range),
    CALL(nanosleep),
    CALL(clock_nanosleep),
    CALL(futex),
    CALL(wait4),
    CALL(waitid),
    CALL(rt_sigsuspend),
    CALL(rt_sigtimedwait),
    CALL(mmap),
    CALL(munmap),
    CALL(mprotect),
    CALL(madvise),
    CALL(mlock),
    CALL(clone),
    CALL(execve),
    CALL(semop),
    CALL(semtimedop),
    CALL(msgsnd),
    CALL(msgrcv),
    CALL(mq_timedsend),
    CALL(mq_timedreceive),
    CALL(io_getevents),
    CALL(io_uring_enter),
    CALL(sched_yield),
    CALL(mount),
    CALL(umount2),
    CALL(getrandom),
    CALL(quotactl),
    CALL(exit),
    CALL(restart_syscall),
#ifdef SYS_open
    CALL(open),
    CALL(stat),
    CALL(lstat),
    CALL(access),
    CALL(unlink),
    CALL(rename),
    CALL(mkdir),
    CALL(rmdir),
    CALL(readlink),
    CALL(poll),
    CALL(select),
    CALL(epoll_wait),
    CALL(pause),
    CALL(fork),
    CALL(vfork),
    CALL(creat),
#endif
#ifdef SYS_epoll_pwait2
    CALL(epoll_pwait2),
#endif
#undef CALL
};

const char *weft__native_call(long number, char *text, size_t size)
{
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        if (calls[i].number == number)
            return calls[i].name;
    if (number < 0)
        return "a page fault";
    snprintf(text, size, "system call %ld", number);
    return text;
}
