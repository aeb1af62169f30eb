"""The HTTP library: a WebSocket message to a thousand clients, and unmasking."""

from harness import Program, Ratio


def fan_out(bench, report):
    samples = bench.turns([
        Program("weft", bench.path("weft-fanout")),
        Program("sendmsg", bench.path("sendmsg-fanout")),
    ], bench.once)

    report.compare(samples, "fanout", "ns", "sendmsg", Ratio(1.3),
                   title="WebSocket message of 300 bytes, each of 1,000 clients")
    report.compare(samples, "fanout_rate", "1/s", "sendmsg", title="the same, deliveries a second")


def unmasking(bench, report):
    samples = bench.turns([
        Program("weft", bench.path("proto/proto-unmask")),
        Program("bytes", bench.path("proto/proto-unmask"), "bytes"),
    ], bench.once)

    report.compare(samples, "unmask", "ns", "bytes", Ratio(1), title="unmask 1 KiB")
    report.compare(samples, "unmask_rate", "GB/s", "bytes", title="the same")


def run(bench, report):
    fan_out(bench, report)
    unmasking(bench, report)
