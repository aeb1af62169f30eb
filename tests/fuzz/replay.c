/*
 * Fuzzing as an ordinary test: every file of a corpus, then a fixed number of mutations of them.
 *
 *      replay CORPUS-FOLDER
 *
 * The mutations are the same in every run; WEFT_FUZZ_SEED=n gives others, WEFT_FUZZ_RUNS=n more. A
 * target that aborts leaves its input in a file whose name is printed.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>

#include "fuzz/fuzz.h"
#include "tap.h"

enum {
    SEEDS = 256,
    SIZE = 4096
};

struct seed {
    uint8_t *bytes;
    size_t size;
};

static struct seed seeds[SEEDS];
static size_t seed_count;
static uint64_t state;

static uint8_t current[SIZE];
static size_t current_size;

static uint64_t random_below(uint64_t bound)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (state >> 11) % bound;
}

static void load(const char *folder, const char *name)
{
    char path[1024];
    struct seed *seed = &seeds[seed_count++];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    must(file, "open %s", path);
    seed->bytes = malloc(SIZE);
    must(seed->bytes, "memory");
    seed->size = fread(seed->bytes, 1, SIZE, file);
    fclose(file);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void load_all(const char *folder)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, by_name);

    must(count >= 0, "read folder %s", folder);
    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] != '.' && seed_count < SEEDS)
            load(folder, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

/* Replace `drop` bytes at `at` with other ones, as far as there is room. */
static void replace(size_t at, size_t drop, const uint8_t *bytes, size_t count)
{
    uint8_t copy[SIZE];

    if (count > SIZE - (current_size - drop))
        count = SIZE - (current_size - drop);
    memcpy(copy, bytes, count);
    memmove(current + at + count, current + at + drop, current_size - at - drop);
    memcpy(current + at, copy, count);
    current_size += count - drop;
}

static void insert_token(size_t at)
{
    static const char *const tokens[] = {
        "\r\n",
        "\n",
        "\r",
        "\r\n\r\n",
        " ",
        "\t",
        ":",
        "0",
        "Host: a",
        "%2e",
        "../",
        "Content-Length: 3",
        ";",
        ",",
        "\\",
        "#",
        "chunked",
        "HTTP/1.1",
        "\xef\xbb\xbf",
        "Transfer-Encoding: chunked",
        "data:",
        "id: ",
        "0\r\n\r\n",
        "retry: 5",
        "event: x",
        "http://",
        "@",
        "[::1]",
        "?",
        "&=",
        "ffffffffffffffff",
        "Connection: close",
        "\r\n ",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    };
    const char *token = tokens[random_below(sizeof tokens / sizeof *tokens)];

    replace(at, 0, (const uint8_t *)token, strlen(token));
}

static void mutate_once(void)
{
    size_t at = (size_t)random_below(current_size + 1);
    size_t left = current_size - at;
    size_t count = (size_t)random_below((left < 32 ? left : 32) + 1);
    const struct seed *other = &seeds[random_below(seed_count)];
    uint8_t byte = (uint8_t)random_below(256);

    switch (random_below(7)) {
    case 0:
        if (left)
            current[at] ^= (uint8_t)(1u << random_below(8));
        break;
    case 1:
        if (left)
            current[at] = byte;
        break;
    case 2:
        replace(at, count, &byte, 0);
        break;
    case 3:
        replace(at, 0, current + at, count);
        break;
    case 4:
        replace(at, 0, &byte, 1);
        break;
    case 5:
        replace(at, count, other->bytes, (size_t)random_below(other->size + 1));
        break;
    default:
        insert_token(at);
    }
}

/* Only system calls: the heap may be what is broken. */
static void save(int number)
{
    static const char name[] = "fuzz-failure.bin";
    int file = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool saved = file >= 0 && write(file, current, current_size) == (ssize_t)current_size;

    tap__say("# input %s %s (signal %d)", saved ? "saved to" : "not saved to", name, number);
    signal(number, SIG_DFL);
    raise(number);
}

static void run(const struct seed *seed, unsigned mutations)
{
    memcpy(current, seed->bytes, seed->size);
    current_size = seed->size;
    for (unsigned i = 0; i < mutations; i++)
        mutate_once();
    uint8_t *block = malloc(current_size ? current_size : 1); /* its end is watched */
    must(block, "memory");
    memcpy(block, current, current_size);
    LLVMFuzzerTestOneInput(block, current_size);
    free(block);
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

int main(int count, char **arguments)
{
    uint64_t runs = setting("WEFT_FUZZ_RUNS", 30000);

    must(count == 2, "a corpus folder as the argument");
    state = setting("WEFT_FUZZ_SEED", 1) * 0x9e3779b97f4a7c15u | 1;
    signal(SIGABRT, save);
    signal(SIGSEGV, save);
    load_all(arguments[1]);
    must(seed_count > 0, "%s has files", arguments[1]);
    for (size_t i = 0; i < seed_count; i++)
        run(&seeds[i], 0);
    ok(seed_count > 0, "%zu files of the corpus", seed_count);
    uint64_t done = 0;
    for (; done < runs; done++)
        run(&seeds[done % seed_count], 1 + (unsigned)random_below(6));
    ok(done == runs, "%llu mutations, seed %llu", (unsigned long long)done,
       (unsigned long long)setting("WEFT_FUZZ_SEED", 1));
    for (size_t i = 0; i < seed_count; i++)
        free(seeds[i].bytes);
    return done_testing();
}
