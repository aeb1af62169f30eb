/*
 * Names of code addresses. The dynamic tables know what an object exports; static functions stand
 * in its full table, read from the file. Answers are remembered: a dump asks for the same few.
 */
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <inttypes.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/lock.h"
#include "fiber/fiber.h"
#include "fiber/watchdog.h"

/* Of libgcc: the start of the function around an address, static ones included. */
extern void *_Unwind_FindEnclosingFunction(void *address);

enum {
    REMEMBERED = 256,
    NAME_MOST = 64
};

struct image {
    const char *bytes;
    size_t size;
};

/* By bare calls: a sanitizer would follow the number, which is others' the moment after. */
static bool map_file(const char *path, struct image *image)
{
    long fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    long size = syscall(SYS_lseek, fd, 0L, SEEK_END);
    long bytes = -1;
    if (size > (long)sizeof(ElfW(Ehdr)))
        bytes = syscall(SYS_mmap, NULL, size, PROT_READ, MAP_PRIVATE, fd, 0L); /* all of a word */
    syscall(SYS_close, fd);
    if (bytes == -1)
        return false;
    *image = (struct image){ (const char *)(uintptr_t)bytes, (size_t)size };
    return true;
}

/* COUNT items of SIZE at OFFSET, if the file has them and they are aligned as their type wants. */
static const void *part(const struct image *image, uint64_t offset, uint64_t count, uint64_t size)
{
    if (offset > image->size || count > (image->size - offset) / size || offset % 8)
        return NULL;
    return image->bytes + offset;
}

static bool search_table(const struct image *image, const ElfW(Shdr) * table,
                         const ElfW(Shdr) * strings, uintptr_t value, char *name, uintptr_t *start)
{
    size_t count = table->sh_size / sizeof(ElfW(Sym));
    const ElfW(Sym) *symbols = part(image, table->sh_offset, count, sizeof *symbols);
    if (!symbols || strings->sh_offset > image->size ||
        strings->sh_size > image->size - strings->sh_offset)
        return false;
    const char *text = image->bytes + strings->sh_offset;
    for (size_t i = 0; i < count; i++) {
        const ElfW(Sym) *symbol = &symbols[i];
        if ((symbol->st_info & 0xf) != STT_FUNC || value < symbol->st_value ||
            value - symbol->st_value >= symbol->st_size || symbol->st_name >= strings->sh_size)
            continue;
        size_t most = strings->sh_size - symbol->st_name;
        snprintf(name, NAME_MOST, "%.*s", most < NAME_MOST ? (int)most : NAME_MOST - 1,
                 text + symbol->st_name);
        *start = symbol->st_value;
        return true;
    }
    return false;
}

static bool search_image(const struct image *image, uintptr_t value, char *name, uintptr_t *start)
{
    const ElfW(Ehdr) *header = (const void *)image->bytes;
    if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_shentsize != sizeof(ElfW(Shdr)))
        return false;
    const ElfW(Shdr) *sections = part(image, header->e_shoff, header->e_shnum, sizeof *sections);
    for (size_t i = 0; sections && i < header->e_shnum; i++)
        if (sections[i].sh_type == SHT_SYMTAB && sections[i].sh_link < header->e_shnum)
            return search_table(image, &sections[i], &sections[sections[i].sh_link], value, name,
                                start);
    return false;
}

/* The program's own file may have been named by a path that leads elsewhere by now. */
static bool search_file(const void *address, const Dl_info *info, const struct link_map *map,
                        char *name, uintptr_t *offset)
{
    struct image image;
    const char *path = map->l_name && *map->l_name ? info->dli_fname : "/proc/self/exe";
    if (!map_file(path, &image))
        return false;
    uintptr_t start;
    uintptr_t value = (uintptr_t)address - map->l_addr;
    bool found = search_image(&image, value, name, &start);
    syscall(SYS_munmap, image.bytes, image.size);
    if (found)
        *offset = value - start;
    return found;
}

struct answer {
    const void *address;
    uintptr_t offset; /* in the function; in the object where no function is known */
    bool function;
    char name[NAME_MOST];
};

static void look_up(const void *address, struct answer *answer)
{
    Dl_info info;
    struct link_map *map = NULL;
    *answer = (struct answer){ .address = address };
    if (!dladdr1(address, &info, (void **)&map, RTLD_DL_LINKMAP) || !info.dli_fname)
        return;
    answer->function = true;
    if (info.dli_sname) {
        answer->offset = (uintptr_t)address - (uintptr_t)info.dli_saddr;
        snprintf(answer->name, sizeof answer->name, "%s", info.dli_sname);
    } else if (!map || !search_file(address, &info, map, answer->name, &answer->offset)) {
        const char *slash = strrchr(info.dli_fname, '/');
        answer->function = false;
        answer->offset = (uintptr_t)address - (uintptr_t)info.dli_fbase;
        snprintf(answer->name, sizeof answer->name, "%s", slash ? slash + 1 : info.dli_fname);
    }
}

static struct weft__lock lock;
static struct answer answers[REMEMBERED];

static void find(const void *address, struct answer *answer)
{
    struct answer *slot = &answers[((uintptr_t)address * UINT64_C(0x9e3779b97f4a7c15)) >> 56];
    weft__lock_enter(&lock);
    *answer = *slot;
    weft__lock_leave(&lock);
    if (answer->address == address && address)
        return;
    int saved = errno;
    look_up(address, answer);
    errno = saved;
    weft__lock_enter(&lock);
    *slot = *answer;
    weft__lock_leave(&lock);
}

_Static_assert(REMEMBERED == 1 << 8, "find() takes eight bits of the product");

void weft__symbol(const void *address, char *text, size_t size)
{
    struct answer answer;
    find(address, &answer);
    if (answer.name[0])
        snprintf(text, size, "%s+%#" PRIxPTR, answer.name, answer.offset);
    else
        snprintf(text, size, "%p", address);
}

void weft__symbol_function(const void *address, char *text, size_t size)
{
    struct answer answer;
    find(address, &answer);
    if (answer.function)
        snprintf(text, size, "%s", answer.name);
    else
        weft__symbol(address, text, size);
}

const void *weft__symbol_object(const void *address)
{
    Dl_info info;
    return dladdr(address, &info) ? info.dli_fbase : NULL;
}

const void *weft__symbol_start(const void *address)
{
    return address ? _Unwind_FindEnclosingFunction((char *)(uintptr_t)address - 1) : NULL;
}

void weft__symbol_reset(void)
{
    atomic_store(&lock.state, 0);
}
