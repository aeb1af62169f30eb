"""Parsers: a browser's request head through Weft's HTTP/1 parser and through llhttp."""

from harness import Program, Ratio


def run(bench, report):
    samples = bench.turns([
        Program("weft", bench.path("proto/proto-http1")),
        Program("llhttp", bench.path("proto/proto-llhttp")),
    ], bench.once)

    report.compare(samples, "head", "ns", "llhttp", Ratio(0.67))
