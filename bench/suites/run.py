"""`weft run` of an unmodified program: curl, and a large file from nginx over loopback."""

import contextlib
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

from harness import LOAD_CPU, PROGRAM_TIMEOUT, SERVER_CPU, Program, Ratio, pinned, stop

SIZE = 1 << 30

NGINX = """
daemon off;
{user}
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error;
events {{ }}
http {{
    access_log off;
    sendfile on;
    client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
    uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
    server {{ listen 127.0.0.1:{port}; root {folder}/files; }}
}}
"""


@contextlib.contextmanager
def nginx():
    binary = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin:/bin")
    if not binary:
        raise FileNotFoundError("nginx is not installed")
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        pathlib.Path(folder).chmod(0o755)
        pathlib.Path(folder, "files").mkdir()
        with open(f"{folder}/files/large", "wb") as file:
            file.truncate(SIZE)
        user = "user root;" if pathlib.Path(folder).owner() == "root" else ""
        pathlib.Path(folder, "conf").write_text(NGINX.format(folder=folder, port=port, user=user))
        with subprocess.Popen(pinned(LOAD_CPU, [binary, "-p", folder, "-c", f"{folder}/conf", "-e",
                                                f"{folder}/error"]),
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
            try:
                for _ in range(100):
                    with contextlib.suppress(OSError), socket.create_connection(
                            ("127.0.0.1", port), timeout=1):
                        break
                    time.sleep(0.05)
                yield f"http://127.0.0.1:{port}/large"
            finally:
                stop(server)


def run(bench, report):
    curl = shutil.which("curl")
    weft = bench.folder.parent / "cli" / "weft"

    def once(program):
        start = time.monotonic()
        subprocess.run(pinned(SERVER_CPU, program.command), check=True, timeout=PROGRAM_TIMEOUT)
        return {"seconds": time.monotonic() - start}

    if not curl:
        report.notes.append("curl is not installed")
        return
    with nginx() as url:
        download = [curl, "-sS", "-o", "/dev/null", url]
        samples = bench.turns([
            Program("weft", weft, "run", *download),
            Program("bare", *download),
        ], once, rounds=2 * bench.rounds)
    report.compare(samples, "seconds", "s", "bare", Ratio(1 / 0.97), title="curl of 1 GiB")
