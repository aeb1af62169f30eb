/* Many fibers of one body at once, on one thread, and the proof that they overlapped. */
#ifndef TESTS_CROWD_H
#define TESTS_CROWD_H

#include <dirent.h>
#include <malloc.h>

#include "hook.h"

static int crowd_inside, crowd_most;

/** Around the calls of one fiber. */
__attribute__((unused)) static void crowd_enter(void)
{
    if (++crowd_inside > crowd_most)
        crowd_most = crowd_inside;
}

__attribute__((unused)) static void crowd_leave(void)
{
    crowd_inside--;
}

/** Threads of the process, those of the kernel's ring included. */
__attribute__((unused)) static int thread_count(void)
{
    int count = 0;
    DIR *tasks = opendir("/proc/self/task");
    must(tasks, "the list of threads");
    for (struct dirent *entry; (entry = readdir(tasks)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(tasks);
    return count;
}

/** What a server was told to be reached by; the file is skipped without it. */
__attribute__((unused)) static const char *server_address(const char *name)
{
    const char *address = getenv(name);
    if (!address)
        skip_all("needs %s: run it by with_server.py", name);
    return address;
}

#endif
