/* What every benchmark program shares: the clock, the measuring loop and the output line.
 *
 * Time is the CPU time of the whole process, not the wall's: the programs are pinned to one core
 * and never wait, so on a quiet machine the two agree, and on a busy one the neighbours' turns do
 * not count. Threads a peer makes are included.
 *
 * Each result is one line, "metric value", that bench/run reads. */
#ifndef WEFT_BENCH_H
#define WEFT_BENCH_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BENCH_BATCHES 7

static inline int64_t bench_clock(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline int64_t bench_cpu(void)
{
    return bench_clock(CLOCK_PROCESS_CPUTIME_ID);
}

static inline void bench_report(const char *metric, double value)
{
    printf("%s %.2f\n", metric, value);
    fflush(stdout);
}

static inline int bench_compare(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;

    return (a > b) - (a < b);
}

static inline double bench_median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, bench_compare);
    return values[count / 2];
}

/* ns of CPU per operation: the median of several batches, after one that only warms up. */
static inline double bench_measure(void (*run)(int64_t count), int64_t count)
{
    double batch[BENCH_BATCHES];

    run(count / 4);
    for (int i = 0; i < BENCH_BATCHES; i++) {
        int64_t start = bench_cpu();
        run(count);
        batch[i] = (double)(bench_cpu() - start) / (double)count;
    }
    return bench_median(batch, BENCH_BATCHES);
}

/* A line "NAME: 123 kB" of /proc/self/status, in bytes; 0 when there is none. */
static inline int64_t bench_status(const char *name)
{
    char line[128];
    int64_t kilobytes = 0;
    FILE *file = fopen("/proc/self/status", "re");

    if (!file)
        return 0;
    while (fgets(line, sizeof line, file)) {
        size_t length = strlen(name);
        if (strncmp(line, name, length) == 0 && line[length] == ':')
            kilobytes = strtoll(line + length + 1, NULL, 10);
    }
    fclose(file);
    return kilobytes * 1024;
}

/* Memory before and after a million sleepers, shared by all programs that make them. */
struct bench_memory {
    int64_t rss;
    int64_t tables;
    int64_t cpu;
};

static inline void bench_memory_before(struct bench_memory *memory)
{
    memory->rss = bench_status("VmRSS");
    memory->tables = bench_status("VmPTE");
    memory->cpu = bench_cpu();
}

static inline void bench_memory_after(const struct bench_memory *memory, int64_t tasks)
{
    double cpu = (double)(bench_cpu() - memory->cpu);
    double rss = (double)(bench_status("VmRSS") - memory->rss);
    double tables = (double)(bench_status("VmPTE") - memory->tables);

    bench_report("sleep_rss", rss / (double)tasks);
    bench_report("sleep_tables", tables / (double)tasks);
    bench_report("sleep_spawn", cpu / (double)tasks);
}

#endif
