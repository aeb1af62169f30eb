/*
 * Every name of the table leaves the library, without a version, and is what a program gets:
 * exports SYMBOLS-FILE.
 */
#include "hook.h"

#include <dlfcn.h>
#include <link.h>

/* A version would keep callers that ask for GLIBC_2.2.5 from finding a symbol. */
static bool is_unversioned(void *symbol)
{
    const ElfW(Sym) *table = NULL;
    const ElfW(Half) *versions = NULL;
    void *found = NULL, *loaded = NULL;
    Dl_info info;
    must(dladdr1(symbol, &info, &found, RTLD_DL_SYMENT) && found &&
             dladdr1(symbol, &info, &loaded, RTLD_DL_LINKMAP) && loaded,
         "the symbol's place in its library");
    const ElfW(Sym) *entry = found;
    for (const ElfW(Dyn) *item = ((struct link_map *)loaded)->l_ld; item->d_tag != DT_NULL;
         item++) {
        if (item->d_tag == DT_SYMTAB)
            table = (const ElfW(Sym) *)item->d_un.d_ptr;
        else if (item->d_tag == DT_VERSYM)
            versions = (const ElfW(Half) *)item->d_un.d_ptr;
    }
    must(table && versions, "its tables");
    return (versions[entry - table] & 0x7fff) == 1; /* VER_NDX_GLOBAL */
}

int main(int argc, char **argv)
{
    must(argc == 2, "the list of symbols is the argument");
    FILE *list = fopen(argv[1], "re");
    must(list, "the list can be read");
    Dl_info weft, found;
    must(dladdr((void *)(uintptr_t)weft_run, &weft), "the library has a name");
    ok(!is_unversioned((void *)(uintptr_t)weft_run), "our own names have a version");
    char name[64], family[64];
    int count = 0;
    while (fscanf(list, "%63s %63s", name, family) == 2) {
        void *symbol = dlsym(RTLD_DEFAULT, name);
        must(symbol && dladdr(symbol, &found), "%s exists", name);
        must(strcmp(found.dli_fname, weft.dli_fname) == 0, "%s is ours, not %s's", name,
             found.dli_fname);
        must(is_unversioned(symbol), "%s has no version", name);
        count++;
    }
    fclose(list);
    ok(count > 100, "%d names of the C library are hooked", count);
    void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
    ok(libc && dlsym(libc, "read") != dlsym(RTLD_DEFAULT, "read"), "the C library has its own");
    return done_testing();
}
