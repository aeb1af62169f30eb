"""What the tests of `weft serve` share: TAP, a running service, clients that count."""
import contextlib
import http.client
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

COUNT = FAILURES = 0
PATIENCE = 60


def ok(condition, what, detail=''):
    global COUNT, FAILURES
    COUNT += 1
    print(f'{"" if condition else "not "}ok {COUNT} - {what}', flush=True)
    if not condition:
        FAILURES += 1
        print('#   ' + str(detail).replace('\n', '\n#   '), flush=True)
    return bool(condition)


def done():
    print(f'1..{COUNT}')
    sys.exit(FAILURES > 0)


def wait_for(condition, patience=PATIENCE):
    """What the condition gives once it is true; its last value when time is over."""
    end = time.monotonic() + patience
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.02)


def children(pid):
    """The processes whose parent is pid, zombies among them, with their states."""
    found = {}
    for path in pathlib.Path('/proc').glob('[0-9]*/stat'):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(')')[2].split()
            if int(fields[1]) == pid:
                found[int(path.parent.name)] = fields[0]
    return found


def descriptors(pid):
    """What a process has open, by number."""
    found = {}
    for path in pathlib.Path(f'/proc/{pid}/fd').iterdir():
        with contextlib.suppress(OSError):
            found[int(path.name)] = os.readlink(path)
    return found


class Service:
    """`weft serve` until the end of the block, killed if it does not end by itself."""

    def __init__(self, weft, *arguments, environment=None, wait=True, command=(), port='0',
                 **options):
        self.folder = tempfile.TemporaryDirectory(prefix='weft-serve-')
        self.path = pathlib.Path(self.folder.name)
        self.log_path = self.path / 'log'
        bind = [] if port is None else ['--port', port]
        with open(self.log_path, 'wb') as log:
            self.process = subprocess.Popen(
                [*command, weft, 'serve', *bind, *map(str, arguments)], stdout=log, stderr=log,
                env={**os.environ, 'XDG_RUNTIME_DIR': self.folder.name, **(environment or {})},
                **options)
        self.pid = self.process.pid
        if wait and not self.wait_log('ready, generation 1'):
            raise RuntimeError(f'the service does not start: {self.log}')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            workers = children(self.pid)
            self.process.kill()
            self.process.wait()
            for pid in workers:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
        self.folder.cleanup()

    @property
    def log(self):
        return self.log_path.read_text(errors='replace')

    @property
    def port(self):
        found = re.search(r'listening on \S*?:(\d+)$', self.log, re.M)
        return int(found[1]) if found else 0

    def wait_log(self, pattern, patience=PATIENCE):
        """The match of a pattern in the log, as soon as it is there or the service has ended."""
        return wait_for(lambda: re.search(pattern, self.log) or
                        (self.process.poll() is not None and re.search('', '')), patience) and \
            re.search(pattern, self.log)

    def workers(self):
        return sorted(pid for pid, state in children(self.pid).items() if state != 'Z')

    def send(self, number):
        os.kill(self.pid, number)

    def end(self, number=signal.SIGTERM, patience=PATIENCE):
        """Ask it to end; its exit status, None if it doesn't."""
        self.send(number)
        return self.ended(patience)

    def ended(self, patience=PATIENCE):
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.process.wait(patience)
        return None

    def get(self, path='/', timeout=PATIENCE):
        """Status and text of one request on a connection of its own."""
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=timeout)
        try:
            connection.request('GET', path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()


class Client(threading.Thread):
    """Asks again and again on a kept connection, and counts what it gets."""

    def __init__(self, port, path='/', keep=True):
        super().__init__(daemon=True)
        self.port, self.path, self.keep = port, path, keep
        self.answered, self.failed, self.errors = 0, 0, []
        self.ending = threading.Event()

    def run(self):
        connection = None
        while not self.ending.is_set():
            try:
                if connection is None:
                    connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=30)
                connection.request('GET', self.path)
                response = connection.getresponse()
                response.read()
                if response.status != 200:
                    raise OSError(f'status {response.status}')
                self.answered += 1
                if response.will_close or not self.keep:
                    connection.close()
                    connection = None
            except (OSError, http.client.HTTPException) as error:
                self.failed += 1
                self.errors.append(repr(error))
                connection.close()
                connection = None
                time.sleep(0.01)
        if connection:
            connection.close()


@contextlib.contextmanager
def load(port, count, path='/', keep=True):
    clients = [Client(port, path, keep) for _ in range(count)]
    for client in clients:
        client.start()
    try:
        yield clients
    finally:
        for client in clients:
            client.ending.set()
        for client in clients:
            client.join(40)


def open_stream(port, path):
    """A socket on which a response has begun, and what has come so far."""
    client = socket.create_connection(('127.0.0.1', port), timeout=PATIENCE)
    client.sendall(f'GET {path} HTTP/1.1\r\nHost: a\r\n\r\n'.encode())
    return client, client.recv(65536)


def read_to_end(client, so_far=b''):
    """All that comes, and whether it was cut by a reset."""
    while True:
        try:
            piece = client.recv(65536)
        except OSError:
            return so_far, True
        if not piece:
            return so_far, False
        so_far += piece
