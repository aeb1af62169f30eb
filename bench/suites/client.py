"""The HTTP client: small GETs, a hundred at a time, from nginx on the other core."""

import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager

from harness import LOAD_CPU, Program, Ratio, pinned, stop

REQUESTS = 60_000
PEERS = pathlib.Path(__file__).resolve().parents[1] / "peers"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port):
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError("nginx does not listen")


@contextmanager
def nginx():
    """Yields the URL of a few bytes, served on the second core."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="weft-bench-") as folder:
        temporary = "".join(f"{kind}_temp_path {folder}/{kind}; " for kind in
                            ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (pathlib.Path(folder) / "nginx.conf").write_text(f"""
            worker_processes 1; daemon off; pid {folder}/pid; error_log stderr crit;
            events {{ worker_connections 1024; }}
            http {{ access_log off; {temporary} keepalive_requests 1000000000;
                    server {{ listen 127.0.0.1:{port};
                              location / {{ return 200 "hello, world"; }} }} }}""")
        with subprocess.Popen(pinned(LOAD_CPU, [
                "nginx", "-c", f"{folder}/nginx.conf", "-p", folder, "-e", "stderr"])) as process:
            try:
                wait_for(port)
                yield f"http://127.0.0.1:{port}/"
            finally:
                stop(process)


def run(bench, report):
    if not shutil.which("nginx"):
        return
    with nginx() as url:
        node = shutil.which("node") or "node"
        samples = bench.turns([
            Program("weft", bench.path("weft-client"), url, REQUESTS),
            Program("libcurl", bench.path("curl-multi"), url, REQUESTS),
            Program("undici", node, PEERS / "fetch.mjs", url, REQUESTS // 2),
        ], bench.once)
    report.compare(samples, "client_get", "ns", "libcurl", Ratio(0.5),
                   title="CPU of a small GET, a hundred at a time")
    report.compare(samples, "client_get", "ns", "undici", Ratio(1 / 3), title="the same")
