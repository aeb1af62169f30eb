/* Finding the sockets of a process, and asking there. */
#include "inspect.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    PATIENCE_MS = 2000,
    ANSWER_MOST = 256 << 20,
    FOLDERS = 3
};

/* The folders in which a user's processes make their sockets. false: there is no such one. */
static bool folder(int number, uid_t user, char *path, size_t size)
{
    const char *base = getenv("XDG_RUNTIME_DIR");
    if (number == 0)
        return base && *base == '/' && snprintf(path, size, "%s/weft", base) < (int)size;
    return snprintf(path, size, number == 1 ? "/tmp/weft-%u" : "/run/user/%u/weft",
                    (unsigned)user) < (int)size;
}

static uid_t user_of(pid_t process)
{
    char path[64];
    struct stat status;
    snprintf(path, sizeof path, "/proc/%d", (int)process);
    return stat(path, &status) == 0 ? status.st_uid : geteuid();
}

/* A connected socket, or -1 and errno. */
static int connect_to(const char *folder_path, pid_t process, unsigned loop)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int length = loop == 1 ? snprintf(address.sun_path, sizeof address.sun_path, "%s/%d.sock",
                                      folder_path, (int)process)
                           : snprintf(address.sun_path, sizeof address.sun_path, "%s/%d-%u.sock",
                                      folder_path, (int)process, loop);
    if (length >= (int)sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static bool wait_readable(int fd)
{
    struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
    return poll(&poll_fd, 1, PATIENCE_MS) > 0;
}

static enum inspect_outcome receive(int fd, char **text, size_t *size)
{
    size_t room = 0, used = 0;
    char *all = NULL;
    for (;;) {
        if (room - used < 4096) {
            room = room ? room * 2 : 65536;
            char *grown = room > ANSWER_MOST ? NULL : realloc(all, room);
            if (!grown)
                break;
            all = grown;
        }
        ssize_t count = -1;
        errno = 0;
        if (wait_readable(fd))
            count = recv(fd, all + used, room - used - 1, 0);
        if (count < 0 && errno != ECONNRESET)
            break;
        if (count == 0 && used > 0) {
            all[used] = '\0';
            *text = all;
            *size = used;
            return INSPECT_ANSWERED;
        }
        if (count <= 0) {
            free(all);
            return INSPECT_DENIED; /* it hung up without a word */
        }
        used += (size_t)count;
    }
    free(all);
    return INSPECT_SILENT;
}

enum inspect_outcome inspect_ask(pid_t process, unsigned loop, const char *command, char **text,
                                 size_t *size)
{
    uid_t user = user_of(process);
    enum inspect_outcome outcome = INSPECT_NO_LOOP;
    int fd = -1;
    for (int i = 0; i < FOLDERS && fd < 0; i++) {
        char path[128];
        if (!folder(i, user, path, sizeof path))
            continue;
        fd = connect_to(path, process, loop);
        if (fd < 0 && errno == EACCES)
            outcome = INSPECT_DENIED;
        if (fd < 0 && errno == EAGAIN)
            return INSPECT_SILENT; /* its queue is full */
    }
    if (fd < 0)
        return outcome;
    char line[32];
    int length = snprintf(line, sizeof line, "%s\n", command);
    outcome = send(fd, line, (size_t)length, MSG_NOSIGNAL) == length ? receive(fd, text, size)
                                                                     : INSPECT_DENIED;
    close(fd);
    return outcome;
}

static bool exists(pid_t process)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d", (int)process);
    return access(path, F_OK) == 0;
}

/* 1 it has the library, 0 it hasn't, -1 it won't be told. A static program has it unseen. */
static int has_library(pid_t process)
{
    char path[64], line[4096 + 256];
    snprintf(path, sizeof path, "/proc/%d/maps", (int)process);
    FILE *maps = fopen(path, "re");
    if (!maps)
        return -1;
    int found = 0;
    bool any = false;
    while (!found && fgets(line, sizeof line, maps)) {
        any = true;
        found = strstr(line, "/libweft.so") != NULL;
    }
    fclose(maps);
    return any ? found : -1;
}

int inspect_complain(const char *who, pid_t process, enum inspect_outcome outcome)
{
    unsigned user = (unsigned)user_of(process);
    if (!exists(process))
        fprintf(stderr, "%s: there is no process %d\n", who, (int)process);
    else if (outcome == INSPECT_SILENT)
        fprintf(stderr,
                "%s: process %d does not answer: a fiber holds its loop, or it is stopped; "
                "`gdb -p %d` shows where\n",
                who, (int)process, (int)process);
    else if (outcome == INSPECT_DENIED || (user != geteuid() && geteuid() != 0))
        fprintf(stderr, "%s: process %d belongs to user %u: only that user and root may look in\n",
                who, (int)process, user);
    else if (has_library(process) == 0)
        fprintf(stderr,
                "%s: process %d does not use Weft; start the program with "
                "`WEFT_INSPECT=1 weft run PROGRAM`\n",
                who, (int)process);
    else
        fprintf(stderr,
                "%s: process %d does not let itself be looked into; start it with WEFT_INSPECT=1 "
                "in the environment, or set weft_options.inspect\n",
                who, (int)process);
    return 1;
}

/* The processes of this user that listen: the first one, and how many. */
static unsigned list(pid_t *first, char *names, size_t size)
{
    unsigned count = 0;
    names[0] = '\0';
    for (int i = 0; i < FOLDERS; i++) {
        char path[128];
        DIR *entries = folder(i, geteuid(), path, sizeof path) ? opendir(path) : NULL;
        for (struct dirent *entry; entries && (entry = readdir(entries)) != NULL;) {
            char *end;
            long number = strtol(entry->d_name, &end, 10);
            int fd =
                number > 0 && strcmp(end, ".sock") == 0 ? connect_to(path, (pid_t)number, 1) : -1;
            if (fd < 0)
                continue;
            close(fd);
            if (count++ == 0)
                *first = (pid_t)number;
            size_t used = strlen(names);
            snprintf(names + used, size - used, " %ld", number);
        }
        if (entries)
            closedir(entries);
    }
    return count;
}

char *inspect_workers(pid_t process)
{
    char *text;
    size_t size;
    if (inspect_ask(process, 1, "workers", &text, &size) != INSPECT_ANSWERED)
        return NULL;
    if (text[0] == '{')
        return text;
    free(text);
    return NULL;
}

static bool lists_all(const char *text, const char *names, long parent)
{
    for (const char *each = names; *each;) {
        char quoted[40], *next;
        long process = strtol(each, &next, 10);
        snprintf(quoted, sizeof quoted, "\"process\":%ld,", process);
        if (process != parent && !strstr(text, quoted))
            return false;
        each = next;
    }
    return true;
}

/* Is one of the processes the parent of all the others? Its number; 0: no. */
static pid_t parent_of(const char *names)
{
    for (const char *rest = names; *rest;) {
        char *end;
        pid_t process = (pid_t)strtol(rest, &end, 10);
        char *text = inspect_workers(process);
        bool all = text && lists_all(text, names, process);
        free(text);
        if (all)
            return process;
        rest = end;
    }
    return 0;
}

pid_t inspect_process(const char *who, const char *argument)
{
    if (argument) {
        char *end;
        errno = 0;
        long number = strtol(argument, &end, 10);
        if (*argument && !*end && !errno && number > 0 && number <= 1 << 22)
            return (pid_t)number;
        fprintf(stderr, "%s: '%s' is not the number of a process\n", who, argument);
        return 0;
    }
    pid_t first = 0;
    char names[512];
    unsigned count = list(&first, names, sizeof names);
    if (count == 1)
        return first;
    pid_t parent = count > 1 ? parent_of(names) : 0;
    if (parent)
        return parent;
    if (count == 0)
        fprintf(stderr,
                "%s: no process lets itself be looked into; start one with WEFT_INSPECT=1 in the "
                "environment, or set weft_options.inspect\n",
                who);
    else
        fprintf(stderr, "%s: which of them:%s?\n", who, names);
    return 0;
}
