/* Finding a program, and saying why the loader would not preload a library into it. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "run.h"

enum {
    INTERPRETERS_MAX = 4,
    SEGMENTS_MAX = 512
};

const char *run_caller = "weft run";

static bool is_program(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

bool run_find(const char *name, char path[PATH_MAX])
{
    const char *folders = getenv("PATH");
    if (strchr(name, '/')) {
        snprintf(path, PATH_MAX, "%s", name);
        if (is_program(path))
            return true;
        fprintf(stderr, "%s: %s can't be run: %s\n", run_caller, name,
                access(name, F_OK) < 0 ? strerror(errno) : "it is not an executable file");
        return false;
    }
    while (folders && *folders) {
        size_t length = strcspn(folders, ":");
        int written = snprintf(path, PATH_MAX, "%.*s/%s", length ? (int)length : 1,
                               length ? folders : ".", name);
        if (written < PATH_MAX && is_program(path))
            return true;
        folders += length + (folders[length] == ':');
    }
    fprintf(stderr, "%s: no program '%s' in PATH\n", run_caller, name);
    return false;
}

static bool refuse(const char *path, const char *why)
{
    fprintf(stderr, "%s: %s %s\n", run_caller, path, why);
    return false;
}

/* Programs that run with other rights than their caller's get no libraries from him. */
static bool check_rights(const char *path, int fd)
{
    struct stat status;
    if (fstat(fd, &status) == 0 && status.st_mode & (S_ISUID | S_ISGID))
        return refuse(path, status.st_mode & S_ISUID
                                ? "is setuid: the loader preloads nothing into such a program; "
                                  "run a copy without that bit"
                                : "is setgid: the loader preloads nothing into such a program; "
                                  "run a copy without that bit");
    if (fgetxattr(fd, "security.capability", NULL, 0) > 0)
        return refuse(path, "has file capabilities: the loader preloads nothing into such a "
                            "program; run a copy without them");
    return true;
}

#if defined(__x86_64__)
enum {
    MACHINE = EM_X86_64
};
#elif defined(__aarch64__)
enum {
    MACHINE = EM_AARCH64
};
#endif

static bool has_interpreter(int fd, const Elf64_Ehdr *header)
{
    for (unsigned i = 0; i < header->e_phnum && i < SEGMENTS_MAX; i++) {
        Elf64_Phdr segment;
        off_t offset = (off_t)(header->e_phoff + (uint64_t)i * sizeof segment);
        if (pread(fd, &segment, sizeof segment, offset) != sizeof segment)
            return false;
        if (segment.p_type == PT_INTERP)
            return true;
    }
    return false;
}

static bool check_binary(const char *path, int fd, const Elf64_Ehdr *header)
{
    if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_machine != MACHINE ||
        header->e_phentsize != sizeof(Elf64_Phdr))
        return refuse(path, "is built for another machine than this command");
    if (!has_interpreter(fd, header))
        return refuse(path, "is statically linked: it loads no library, so its calls can't be "
                            "hooked; build it with shared libraries");
    return check_rights(path, fd);
}

/* The interpreter in the first line of a script, if BYTES begin with one. */
static bool script_interpreter(const char *bytes, char path[PATH_MAX])
{
    if (strncmp(bytes, "#!", 2) != 0)
        return false;
    const char *begin = bytes + 2 + strspn(bytes + 2, " \t");
    size_t length = strcspn(begin, " \t\n");
    if (length == 0 || length >= PATH_MAX)
        return false;
    memcpy(path, begin, length);
    path[length] = '\0';
    return true;
}

bool run_check(const char *path)
{
    char next[PATH_MAX];
    snprintf(next, sizeof next, "%s", path);
    for (int i = 0; i < INTERPRETERS_MAX; i++) {
        union {
            Elf64_Ehdr header;
            char bytes[512];
        } start = { 0 };
        int fd = open(next, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            return errno == EACCES; /* to run but not to read: the kernel will say */
        ssize_t size = pread(fd, start.bytes, sizeof start.bytes - 1, 0);
        if (size >= (ssize_t)sizeof start.header &&
            memcmp(start.header.e_ident, ELFMAG, SELFMAG) == 0) {
            bool good = check_binary(next, fd, &start.header);
            close(fd);
            return good;
        }
        close(fd);
        if (size <= 0 || !script_interpreter(start.bytes, next))
            break;
    }
    return refuse(path, "is neither a program nor a script that names its interpreter");
}
