/* What a load measured: distributions beside each other, and the same as JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

enum {
    BUCKETS = 11,
    BAR_WIDTH = 28,
    COLUMN = 22,
    ERRORS_SHOWN = 4,
    POOL_USUAL = 25, /* of the article this reproduces: user 26 is the first who waits */
};

/* Upper ends of the histogram's buckets, ms. */
static const double EDGES[BUCKETS] = { 250,  500,   750,   1000,  2000, 4000,
                                       8000, 16000, 32000, 64000, 1e18 };

struct summary {
    size_t measured; /* conversations that got a first token */
    size_t failures;
    uint64_t tokens;
    double *first; /* ms, in order of size */
    double seconds;
};

static double ms(int64_t duration)
{
    return (double)duration / 1e6;
}

size_t bench_failures(const struct bench_run *run)
{
    size_t failures = 0;
    for (size_t i = 0; i < run->count; i++) {
        failures += !run->conversations[i].done;
    }
    return failures;
}

static int compare(const void *a, const void *b)
{
    double one = *(const double *)a;
    double other = *(const double *)b;
    return (one > other) - (one < other);
}

/* The first token of one conversation in ms from its arrival; below 0: it never came. */
static double first_token(const struct bench_conversation *conversation)
{
    return conversation->first_token ? ms(conversation->first_token - conversation->arrival) : -1;
}

static struct summary summarize(const struct bench_run *run)
{
    struct summary summary = { .first = calloc(run->count, sizeof(double)) };
    for (size_t i = 0; i < run->count && summary.first; i++) {
        summary.tokens += run->conversations[i].tokens;
        if (run->conversations[i].first_token) {
            summary.first[summary.measured++] = first_token(&run->conversations[i]);
        }
    }
    if (summary.first) {
        qsort(summary.first, summary.measured, sizeof(double), compare);
    }
    summary.failures = bench_failures(run);
    summary.seconds = ms(run->ended - run->began) / 1000;
    return summary;
}

/* The value that a part of all are at or below (nearest rank). */
static double quantile(const struct summary *summary, double part)
{
    if (summary->measured == 0) {
        return 0;
    }
    double rank = part * (double)summary->measured;
    size_t index = (size_t)rank;
    index -= index > 0 && (double)index == rank;
    return summary->first[index < summary->measured ? index : summary->measured - 1];
}

static void print_time(double value)
{
    char text[COLUMN];
    if (value < 10000) {
        snprintf(text, sizeof(text), "%.0f ms", value);
    } else {
        snprintf(text, sizeof(text), "%.1f s", value / 1000);
    }
    printf("%*s", COLUMN, text);
}

static void print_times(const char *name, const struct summary *summaries, size_t count,
                        double part)
{
    printf("  %-22s", name);
    for (size_t i = 0; i < count; i++) {
        print_time(quantile(&summaries[i], part));
    }
    putchar('\n');
}

static void print_spread(const struct summary *summaries, size_t count)
{
    printf("  %-22s", "spread, max - min");
    for (size_t i = 0; i < count; i++) {
        print_time(quantile(&summaries[i], 1) - quantile(&summaries[i], 0));
    }
    putchar('\n');
}

/* Who comes first when all slots of the usual pool are taken. */
static void print_visitor(const struct bench_run *runs, size_t count)
{
    size_t visitor = POOL_USUAL;
    for (size_t i = 0; i < count; i++) {
        visitor = runs[i].slots ? runs[i].slots : visitor;
    }
    if (visitor >= runs[0].count) {
        return;
    }
    char name[2 * COLUMN];
    snprintf(name, sizeof(name), "visitor %zu", visitor + 1);
    printf("  %-22s", name);
    for (size_t i = 0; i < count; i++) {
        print_time(first_token(&runs[i].conversations[visitor]));
    }
    putchar('\n');
}

static void print_counts(const struct bench_run *runs, const struct summary *summaries,
                         size_t count)
{
    printf("\n  %-22s", "answers complete");
    for (size_t i = 0; i < count; i++) {
        printf("%*zu", COLUMN, runs[i].count - summaries[i].failures);
    }
    printf("\n  %-22s", "failed");
    for (size_t i = 0; i < count; i++) {
        printf("%*zu", COLUMN, summaries[i].failures);
    }
    printf("\n  %-22s", "tokens");
    for (size_t i = 0; i < count; i++) {
        printf("%*" PRIu64, COLUMN, summaries[i].tokens);
    }
    printf("\n  %-22s", "tokens per second");
    for (size_t i = 0; i < count; i++) {
        printf("%*.0f", COLUMN, (double)summaries[i].tokens / summaries[i].seconds);
    }
    printf("\n  %-22s", "all done after");
    for (size_t i = 0; i < count; i++) {
        print_time(summaries[i].seconds * 1000);
    }
    putchar('\n');
}

static void print_peak(const struct bench_run *runs, size_t count)
{
    static const char *const NAMES[] = { "in flight", "fibers", "threads", "memory, MB",
                                         "loop load, %" };
    if (runs[0].peak.threads == 0) {
        return; /* it shows no figures */
    }
    printf("\nThe server at its peak\n");
    for (size_t name = 0; name < sizeof(NAMES) / sizeof(NAMES[0]); name++) {
        printf("  %-22s", NAMES[name]);
        for (size_t i = 0; i < count; i++) {
            const struct bench_peak *peak = &runs[i].peak;
            const double values[] = { (double)peak->conversations, (double)peak->fibers,
                                      (double)peak->threads, peak->memory / (1 << 20),
                                      peak->load * 100 };
            printf("%*.0f", COLUMN, values[name]);
        }
        putchar('\n');
    }
}

static size_t count_between(const struct summary *summary, double above, double upto)
{
    size_t count = 0;
    for (size_t i = 0; i < summary->measured; i++) {
        count += summary->first[i] > above && summary->first[i] <= upto;
    }
    return count;
}

static void print_bar(size_t count, size_t of)
{
    size_t width = of ? (count * BAR_WIDTH + of - 1) / of : 0;
    for (size_t i = 0; i < BAR_WIDTH; i++) {
        putchar(i < width ? '#' : ' ');
    }
    if (count) {
        printf(" %-6zu", count);
    } else {
        printf(" %-6s", "");
    }
}

static void print_histogram(const struct bench_run *runs, const struct summary *summaries,
                            size_t count)
{
    printf("\nVisitors by the time to their first token\n  %-12s", "");
    for (size_t i = 0; i < count; i++) {
        printf("  %-*s", BAR_WIDTH + 7, runs[i].name);
    }
    putchar('\n');
    for (size_t bucket = 0; bucket < BUCKETS; bucket++) {
        double above = bucket ? EDGES[bucket - 1] : -1;
        size_t all = 0;
        for (size_t i = 0; i < count; i++) {
            all += count_between(&summaries[i], above, EDGES[bucket]);
        }
        if (all == 0) {
            continue;
        }
        if (bucket + 1 < BUCKETS) {
            printf("  to %5.2g s   ", EDGES[bucket] / 1000);
        } else {
            printf("  longer      ");
        }
        for (size_t i = 0; i < count; i++) {
            printf("  ");
            print_bar(count_between(&summaries[i], above, EDGES[bucket]), runs[i].count);
        }
        putchar('\n');
    }
}

/* The first few different errors, with how often each came. */
static void print_errors(const struct bench_run *run)
{
    const char *shown[ERRORS_SHOWN];
    size_t count = 0;
    for (size_t i = 0; i < run->count && count < ERRORS_SHOWN; i++) {
        const char *error = run->conversations[i].error;
        size_t known = 0;
        while (known < count && strcmp(shown[known], error) != 0) {
            known++;
        }
        if (run->conversations[i].done || known < count) {
            continue;
        }
        size_t times = 0;
        for (size_t j = i; j < run->count; j++) {
            times += !run->conversations[j].done && strcmp(run->conversations[j].error, error) == 0;
        }
        printf("  %zu failed, %s: %s\n", times, run->name, error);
        shown[count++] = error;
    }
}

void bench_print(const struct bench_target *target, const struct bench_run *runs, size_t count)
{
    struct summary summaries[2];
    for (size_t i = 0; i < count; i++) {
        summaries[i] = summarize(&runs[i]);
    }
    printf("%zu conversations with %s, ", runs[0].count, target->url);
    if (runs[0].rate > 0) {
        printf("%g arriving each second\n\n", runs[0].rate);
    } else {
        printf("all arriving at once\n\n");
    }
    printf("  %-22s", "");
    for (size_t i = 0; i < count; i++) {
        printf("%*s", COLUMN, runs[i].name);
    }
    printf("\nFirst token, from the arrival\n");
    print_times("min", summaries, count, 0);
    print_times("p50", summaries, count, 0.5);
    print_times("p90", summaries, count, 0.9);
    print_times("p99", summaries, count, 0.99);
    print_times("max", summaries, count, 1);
    print_spread(summaries, count);
    print_visitor(runs, count);
    print_counts(runs, summaries, count);
    print_peak(runs, count);
    print_histogram(runs, summaries, count);
    for (size_t i = 0; i < count; i++) {
        print_errors(&runs[i]);
        free(summaries[i].first);
    }
}

static void print_json_run(const struct bench_run *run, const struct summary *summary)
{
    printf("{\"name\":\"%s\",\"slots\":%zu,\"conversations\":%zu,\"failed\":%zu,", run->name,
           run->slots, run->count, summary->failures);
    printf("\"first_token_ms\":{\"min\":%.3f,\"p50\":%.3f,\"p90\":%.3f,\"p99\":%.3f,\"max\":%.3f},",
           quantile(summary, 0), quantile(summary, 0.5), quantile(summary, 0.9),
           quantile(summary, 0.99), quantile(summary, 1));
    printf("\"tokens\":%" PRIu64 ",\"seconds\":%.3f,\"tokens_per_second\":%.1f,", summary->tokens,
           summary->seconds, (double)summary->tokens / summary->seconds);
    printf("\"server\":{\"conversations\":%ld,\"fibers\":%ld,\"threads\":%ld,"
           "\"memory_bytes\":%.0f,\"load\":%.2f}}",
           run->peak.conversations, run->peak.fibers, run->peak.threads, run->peak.memory,
           run->peak.load);
}

void bench_print_json(const struct bench_target *target, const struct bench_run *runs, size_t count)
{
    (void)target;
    printf("{\"rate\":%g,\"runs\":[", runs[0].rate);
    for (size_t i = 0; i < count; i++) {
        struct summary summary = summarize(&runs[i]);
        printf("%s", i ? "," : "");
        print_json_run(&runs[i], &summary);
        free(summary.first);
    }
    printf("]}\n");
}
