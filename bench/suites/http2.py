"""HTTP/2: small answers to many streams of few connections."""

import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager

from harness import LOAD_CPU, PROGRAM_TIMEOUT, SERVER_CPU, Program, Ratio, pinned, stop

CONNECTIONS = 10
STREAMS = 100
REQUESTS = 500_000
HELLO = "Hello, world!\n"

NGINX = """
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path {folder};
    proxy_temp_path {folder};
    fastcgi_temp_path {folder};
    uwsgi_temp_path {folder};
    scgi_temp_path {folder};
    server {{
        listen 127.0.0.1:{port} http2;
        location / {{ return 200 "Hello, world!\\n"; }}
    }}
}}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port):
    for _ in range(500):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise RuntimeError("the server does not listen")


def cpu_ns(pid):
    """Time on a processor of all threads of a process."""
    tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)


def h2_load(port):
    command = pinned(LOAD_CPU, ["h2load", "-n", str(REQUESTS), "-c", str(CONNECTIONS), "-m",
                                str(STREAMS), f"http://127.0.0.1:{port}/"])
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            timeout=PROGRAM_TIMEOUT, check=False)
    rate = re.search(r"finished in .*, ([0-9.]+) req/s", result.stdout)
    if not rate or f" {REQUESTS} succeeded" not in result.stdout:
        raise RuntimeError("h2load: " + result.stdout.strip().splitlines()[-1])
    return float(rate[1])


@contextmanager
def peer(command, port):
    with subprocess.Popen(pinned(SERVER_CPU, command), stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(port)
            yield process, port
        finally:
            stop(process)


@contextmanager
def h2_server(bench, program):
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        if program.name == "nginx":
            path = pathlib.Path(folder, "nginx.conf")
            path.write_text(NGINX.format(folder=folder, port=port), encoding="ascii")
            with peer([*program.command, "-p", folder, "-c", str(path)], port) as running:
                yield running
        elif program.name == "nghttpd":
            pathlib.Path(folder, "index.html").write_text(HELLO, encoding="ascii")
            with peer([*program.command, "--no-tls", "-d", folder, str(port)], port) as running:
                yield running
        else:
            with bench.server(program) as running:
                yield running


def hello(bench, report):
    """CPU time of the server a request: the load's own does not count."""
    def once(program):
        with h2_server(bench, program) as (process, port):
            before = cpu_ns(process.pid)
            rate = h2_load(port)
            return {"h2": (cpu_ns(process.pid) - before) / REQUESTS, "h2_rate": rate}

    if not shutil.which("h2load"):
        return
    samples = bench.turns([
        Program("weft", bench.path("weft-http")),
        Program("nghttpd", shutil.which("nghttpd") or "nghttpd"),
        Program("nginx", shutil.which("nginx") or "nginx"),
    ], once)
    report.compare(samples, "h2", "ns", "nghttpd", Ratio(1 / 1.5),
                   title="HTTP/2 hello, 10 connections of 100 streams: server CPU")
    report.compare(samples, "h2", "ns", "nginx", Ratio(1 / 2.5), title="the same")
    report.compare(samples, "h2_rate", "1/s", "nghttpd", title="the same, requests a second")
    report.compare(samples, "h2_rate", "1/s", "nginx", title="the same")


def run(bench, report):
    hello(bench, report)
