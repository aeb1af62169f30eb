"""The runtime's own operations, and what a sleeping task keeps in memory."""

from harness import Program, Ratio

SLEEPERS = 1_000_000
STACK = 16 * 1024


def operations(bench, report):
    samples = bench.turns([
        Program("weft", bench.path("weft-fiber")),
        Program("st", bench.path("st-fiber")),
        Program("go", bench.path("go-fiber")),
        Program("boost.fiber", bench.path("boost-fiber")),
        Program("pthread", bench.path("pthread-fiber")),
    ], bench.once)

    report.compare(samples, "create_join", "ns", "st", Ratio(0.35))
    report.compare(samples, "create_join", "ns", "go", Ratio(0.2))
    report.compare(samples, "create_join", "ns", "pthread", Ratio(0.005))
    report.compare(samples, "create_join", "ns", "boost.fiber")
    report.compare(samples, "yield", "ns", "boost.fiber", Ratio(0.18))
    report.compare(samples, "yield", "ns", "go", Ratio(0.15))
    report.compare(samples, "yield", "ns", "st")
    report.compare(samples, "yield", "ns", "pthread")
    report.compare(samples, "channel_handover", "ns", "st", Ratio(1))
    report.compare(samples, "channel_handover", "ns", "go")
    report.compare(samples, "channel_handover", "ns", "boost.fiber")
    report.compare(samples, "channel_buffered", "ns", "st")
    report.compare(samples, "channel_buffered", "ns", "go")
    report.compare(samples, "channel_buffered", "ns", "boost.fiber")


def sleepers(bench, report):
    """Memory hardly varies, and a million tasks take seconds: two rounds are enough."""
    samples = bench.turns([
        Program("weft", bench.path("weft-sleep"), SLEEPERS, STACK),
        Program("st", bench.path("st-sleep"), SLEEPERS, STACK),
        Program("go", bench.path("go-fiber"), "sleep", SLEEPERS),
    ], bench.once, rounds=min(bench.rounds, 2))

    report.compare(samples, "sleep_rss", "bytes", "st", Ratio(1.02))
    report.compare(samples, "sleep_rss", "bytes", "go")
    report.compare(samples, "sleep_tables", "bytes", "st")
    report.compare(samples, "sleep_spawn", "ns", "st")
    report.compare(samples, "sleep_spawn", "ns", "go")


def run(bench, report):
    operations(bench, report)
    sleepers(bench, report)
