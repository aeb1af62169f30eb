#!/usr/bin/env python3
"""The examples do what their first comment says. usage: run.py FOLDER-OF-PROGRAMS"""
import http.server
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'tools'))
import tap  # noqa: E402

FOLDER = pathlib.Path(sys.argv[1])


class Pages(http.server.BaseHTTPRequestHandler):
    """Answers after a moment, and counts how many wait for it at once."""
    lock = threading.Lock()
    waiting = most = 0

    def do_GET(self):
        with Pages.lock:
            Pages.waiting += 1
            Pages.most = max(Pages.most, Pages.waiting)
        time.sleep(0.5)
        with Pages.lock:
            Pages.waiting -= 1
        body = b'x' * 123
        self.send_response(200)
        self.send_header('content-length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


class PageServer(http.server.ThreadingHTTPServer):
    request_queue_size = 128


class Examples(unittest.TestCase):
    def run_example(self, name, *arguments):
        program = FOLDER / name
        if not program.exists():
            self.skipTest(f'{name} is not built')
        process = subprocess.run([program, *arguments], capture_output=True, text=True,
                                 timeout=60, check=False)
        self.assertEqual((process.returncode, process.stderr), (0, ''))
        return process.stdout

    def test_naps_overlap(self):
        """One after another they would take hours; run_example() waits a minute."""
        self.assertRegex(self.run_example('naps'), r'^10000 naps took \d+\.\d s\n$')

    def test_the_first_two_stop_the_rest(self):
        self.assertEqual(self.run_example('first_two').splitlines(), [
            'mirror 3 answered', 'mirror 1 answered',
            'mirror 0: stopped', 'mirror 2: stopped', 'mirror 4: stopped'])

    def test_the_pipeline_finds_all_primes(self):
        primes = [n for n in range(2, 1001) if all(n % d for d in range(2, n))]
        self.assertEqual(self.run_example('pipeline'),
                         f'{len(primes)} primes up to 1000, their sum is {sum(primes)}\n')

    def test_limits_reach_plain_code(self):
        self.assertEqual(self.run_example('timeouts').splitlines(), [
            'read: -1, Connection timed out, in time',
            'inner expired: no', 'outer expired: yes',
            'cancelled: Operation canceled', 'it said: bye'])

    def test_the_clock_ticks_while_another_thread_computes(self):
        self.assertEqual(self.run_example('offload'),
                         'longest way: 442 steps; the clock ticked meanwhile\n')

    def test_what_was_produced_is_consumed(self):
        total = sum(range(100 * 50))
        self.assertEqual(self.run_example('bounded_buffer'),
                         f'produced {total}, consumed {total}\n')

    def test_fetches_overlap(self):
        server = PageServer(('127.0.0.1', 0), Pages)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        urls = [f'http://localhost:{server.server_port}/{i}' for i in range(40)]
        self.assertEqual(self.run_example('fetch_all', *urls).splitlines(),
                         [f'{url}: 200, 123 bytes' for url in urls])
        self.assertGreater(Pages.most, 20)

    def test_a_page_that_is_not_there_is_told(self):
        with socket.create_server(('127.0.0.1', 0)) as nobody:
            port = nobody.getsockname()[1]
        url = f'http://127.0.0.1:{port}/'
        self.assertEqual(self.run_example('fetch_all', url),
                         f"{url}: Couldn't connect to server\n")


class WatchServer(unittest.TestCase):
    def setUp(self):
        self.server = subprocess.Popen([FOLDER / 'watch_server', '0'], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.server.stdout.close)
        self.addCleanup(self.server.wait, 30)
        self.addCleanup(self.server.stdin.close)
        port = int(self.server.stdout.readline().rpartition(':')[2])
        self.clients = [socket.create_connection(('127.0.0.1', port), 30) for _ in range(100)]
        for client in self.clients:
            self.addCleanup(client.close)

    def ask(self, client, line):
        client.sendall(line)
        return client.recv(200)

    def test_idle_connections_have_no_task(self):
        for client in self.clients:
            self.assertEqual(self.ask(client, b'hello\n'), b'hello\n')
        self.assertEqual(self.ask(self.clients[7], b'count\n'), b'100 connections, 3 tasks\n')

    def test_it_ends_with_its_input(self):
        self.ask(self.clients[-1], b'hello\n')
        self.server.stdin.close()
        self.assertEqual(self.server.wait(30), 0)
        self.assertEqual([client.recv(10) for client in self.clients], [b''] * 100)


class WebSocketChat(unittest.TestCase):
    def setUp(self):
        if not (FOLDER / 'websocket_chat').exists():
            self.skipTest('websocket_chat is not built')
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = folder.name + '/chat'
        self.server = subprocess.Popen([FOLDER / 'websocket_chat', 'unix:' + self.path])
        self.addCleanup(self.server.wait, 30)
        self.addCleanup(self.server.terminate)
        while not pathlib.Path(self.path).exists() and self.server.poll() is None:
            time.sleep(0.01)

    def enter(self, name):
        client = socket.socket(socket.AF_UNIX)
        self.addCleanup(client.close)
        client.settimeout(30)
        client.connect(self.path)
        client.sendall(f'GET /chat?name={name} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n'
                       'Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n'
                       'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'.encode())
        head = b''
        while not head.endswith(b'\r\n\r\n'):
            head += client.recv(1)
        self.assertTrue(head.startswith(b'HTTP/1.1 101 '), head)
        return client

    def hear(self, client):
        opcode, length = client.recv(1) + client.recv(1)
        self.assertEqual(opcode, 0x81)
        return client.recv(length, socket.MSG_WAITALL).decode()

    def say(self, client, text):
        client.sendall(bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text.encode())

    def test_everybody_reads_what_anybody_says(self):
        alice = self.enter('Alice')
        self.assertEqual(self.hear(alice), 'Alice: enters')
        bob = self.enter('Bob')
        self.assertEqual([self.hear(alice), self.hear(bob)], ['Bob: enters'] * 2)
        self.say(bob, 'hello')
        self.assertEqual([self.hear(alice), self.hear(bob)], ['Bob: hello'] * 2)
        bob.close()
        self.assertEqual(self.hear(alice), 'Bob: leaves')


class ServeApps(unittest.TestCase):
    def serve(self, app):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = folder.name + '/socket'
        command = FOLDER.parent / 'cli' / 'weft'
        if not (FOLDER / app).exists() or not command.exists():
            self.skipTest(f'{app} is not built')
        self.server = subprocess.Popen([command, 'serve', '-n2', '-b', 'unix:' + self.path,
                                        FOLDER / app], stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.server.stderr.close)
        self.addCleanup(self.server.wait, 30)
        self.addCleanup(self.server.terminate)
        for line in self.server.stderr:
            if 'ready' in line:
                return
        self.fail(f'{app} is not served')

    def ask(self, target):
        client = socket.socket(socket.AF_UNIX)
        self.addCleanup(client.close)
        client.settimeout(30)
        client.connect(self.path)
        client.sendall(f'GET {target} HTTP/1.1\r\nHost: a\r\n\r\n'.encode())
        return client

    def test_hello_is_served(self):
        self.serve('serve_hello.so')
        self.assertTrue(self.ask('/').recv(4096).endswith(b'\r\n\r\nHello, world!\n'))

    def test_the_clock_is_served_and_ends(self):
        self.serve('sse_clock.so')
        self.assertIn(b'<title>Clock</title>', self.ask('/').recv(4096))
        events = self.ask('/events')
        text = b''
        while text.count(b'event: tick\ndata: ') < 2:
            text += events.recv(4096)
        self.server.terminate()
        while not text.endswith(b'0\r\n\r\n'):
            text += events.recv(4096)
        self.assertEqual(self.server.wait(30), 0)


if __name__ == '__main__':
    del sys.argv[1:]
    tap.main()
