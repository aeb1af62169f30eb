"""The HTTP server: answers, streams of events, handlers that sleep, WebSocket messages."""

import contextlib
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

from harness import SERVER_CPU, AtLeast, Program, Ratio, pinned, stop

PEERS = pathlib.Path(__file__).resolve().parent.parent / "peers"
MILLISECONDS = 800

NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 20000; }}
http {{
    access_log off; keepalive_requests 1000000000;
    client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    ssl_protocols TLSv1.3; ssl_session_cache off;
    server {{
        listen 127.0.0.1:{port} backlog=4096 {tls};
        location /bulk {{ root {folder}; }}
        location / {{ default_type text/plain; return 200 "Hello world\\n"; }}
    }}
}}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def certificate(folder):
    """The paths of a new one and of its key, both ECDSA."""
    paths = pathlib.Path(folder, "certificate.pem"), pathlib.Path(folder, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost", "-days", "2",
                    "-out", paths[0], "-keyout", paths[1]], check=True, capture_output=True)
    return paths


@contextlib.contextmanager
def nginx(program, paths=None):
    """One process that answers by itself; yields (process, port) as Bench.server() does."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        config = pathlib.Path(folder, "nginx.conf")
        tls = f"ssl; ssl_certificate {paths[0]}; ssl_certificate_key {paths[1]}" if paths else ""
        config.write_text(NGINX.format(folder=folder, port=port, tls=tls), encoding="utf-8")
        if paths:
            pathlib.Path(folder, "bulk").write_bytes(bytes(64 << 20))
        with subprocess.Popen(pinned(SERVER_CPU, [*program.command, "-p", folder, "-c", config]),
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                for _ in range(100):
                    if answers(port):
                        break
                    time.sleep(0.05)
                else:
                    raise RuntimeError("nginx did not start")
                yield process, port
            finally:
                stop(process)


def loaded(bench, program, *load):
    """The metrics of one load of a server: load is CONNECTIONS, PATH and perhaps PERIOD."""
    connections, path, *period = load
    serving = nginx if program.name == "nginx" else bench.server
    with serving(program) as (process, port):
        return bench.load("http-load", port, connections, MILLISECONDS, process.pid, path, *period)


def installed(name, command, *arguments):
    return Program(name, shutil.which(command) or f"/no/{command}", *arguments)


def hello(bench, report, connections):
    samples = bench.turns([
        Program("weft", bench.path("weft-http")),
        Program("epoll by hand", bench.path("epoll-http")),
        installed("nginx", "nginx"),
        installed("node", "node", PEERS / "http.js"),
        Program("go", bench.path("go-http")),
    ], lambda program: loaded(bench, program, connections, "/"))

    title = f"hello_{connections}_cpu"
    report.compare(samples, "http_cpu", "ns", "nginx", Ratio(0.92), title=title)
    report.compare(samples, "http_cpu", "ns", "epoll by hand", Ratio(1.1), title=title)
    report.compare(samples, "http_cpu", "ns", "node", Ratio(0.35), title=title)
    report.compare(samples, "http_cpu", "ns", "go", title=title)
    report.compare(samples, "http_rate", "/s", "nginx", title=f"hello_{connections}_rate")


def events(bench, report, clients, period):
    """Each client an event every `period` ms."""
    samples = bench.turns([
        Program("weft", bench.path("weft-http"), period),
        Program("epoll by hand", bench.path("epoll-http"), period),
        Program("go", bench.path("go-http"), period),
    ], lambda program: loaded(bench, program, clients, "/events", period))

    title = f"events_{clients}_x_{1000 // period}"
    report.compare(samples, "http_cpu", "ns", "epoll by hand", Ratio(1.1), title=f"{title}_cpu")
    report.compare(samples, "http_cpu", "ns", "go", Ratio(0.65), title=f"{title}_cpu")
    report.compare(samples, "http_p99", "us", "go", Ratio(1), title=f"{title}_jitter_p99")
    report.compare(samples, "http_memory", "KiB", "go", title=f"{title}_memory")
    report.line(f"{title}_memory", "KiB", samples.get("weft", "http_memory"), [6], "bar", Ratio(1),
                False)


def idle(bench, report):
    """Resident memory of a connection that has been answered and waits for its next request."""
    samples = bench.turns([
        Program("weft", bench.path("weft-http")),
        installed("nginx", "nginx"),
        installed("node", "node", PEERS / "http.js"),
        Program("go", bench.path("go-http")),
    ], lambda program: loaded(bench, program, 8000, "/", "idle"), rounds=1)
    for peer in ("nginx", "node", "go"):
        report.compare(samples, "http_memory", "KiB", peer, title="idle_8000_memory")
    report.line("idle_8000_memory", "KiB", samples.get("weft", "http_memory"), [1], "bar", Ratio(1),
                False)


def tls(bench, report):
    """Handshakes that resume nothing, and 64 MiB at a time, over TLS 1.3 with ECDSA P-256."""
    with tempfile.TemporaryDirectory() as folder:
        paths = certificate(folder)
        programs = [Program("weft", bench.path("weft-http"), 50, *paths), installed("nginx", "nginx")]

        def turn(kind):
            def once(program):
                serving = (nginx(program, paths) if program.name == "nginx"
                           else bench.server(program))
                with serving as (process, port):
                    return bench.load("tls-load", port, MILLISECONDS, process.pid, kind)
            return once

        for kind, unit in (("handshakes", "us"), ("bulk", "us/MiB")):
            samples = bench.turns(programs, turn(kind))
            report.compare(samples, "tls_cpu", unit, "nginx", Ratio(1), title=f"tls_{kind}_cpu")


def sleeping(bench, report):
    """4,096 connections to a handler that sleeps 10 ms, against one that does not: no core answers
    the 409,600 requests a second that would be, so what is left of the rate is the measure."""
    def once(program):
        return loaded(bench, program, 4096, "/slow" if program.name == "weft" else "/")

    samples = bench.turns([
        Program("weft", bench.path("weft-http")),
        Program("without sleep", bench.path("weft-http")),
    ], once)
    report.compare(samples, "http_rate", "/s", "without sleep", AtLeast(0.9), title="sleeping_rate")
    report.compare(samples, "http_p99", "us", "without sleep", title="sleeping_p99")


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
    for connections in (100, 1000):
        hello(bench, report, connections)
    for clients, period in ((1000, 50), (5000, 100)):
        events(bench, report, clients, period)
    idle(bench, report)
    sleeping(bench, report)
    tls(bench, report)
    fan_out(bench, report)
    unmasking(bench, report)
