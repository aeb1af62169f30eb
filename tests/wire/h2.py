"""HTTP/2 frame by frame: a client that does what it is told, right or wrong."""
import pathlib
import socket
import struct
import subprocess
import sys
import unittest

try:
    import hpack
except ImportError:
    print('1..0 # SKIP Debian package python3-hpack is missing')
    sys.exit(0)

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'tools'))
import tap  # noqa: E402

main = tap.main

PREFACE = b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, \
    CONTINUATION = range(10)
PRIORITY_UPDATE = 16
END_STREAM, ACK, END_HEADERS = 1, 1, 4
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR = 0, 1, 2, 3
STREAM_CLOSED, FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL = 5, 6, 7, 8
ENHANCE_YOUR_CALM = 11
PATIENCE = 20  # s until a test gives up waiting


def frame(kind, flags, stream, payload=b''):
    return struct.pack('>I', len(payload))[1:] + bytes([kind, flags]) + \
        struct.pack('>I', stream) + payload


def setting(name, value):
    return struct.pack('>HI', name, value)


class Client:
    """A connection. Events: (kind, flags, stream, payload), HEADERS with decoded fields."""

    def __init__(self, port, settings=b'', begin=True, window=1 << 24):
        self.socket = socket.create_connection(('127.0.0.1', port), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.encoder = hpack.Encoder()
        self.decoder = hpack.Decoder()
        self.decoder.max_header_list_size = 1 << 24
        self.bytes = b''
        self.next = 1
        self.seen = []
        if begin:
            self.send(PREFACE + frame(SETTINGS, 0, 0, settings) +
                      frame(WINDOW_UPDATE, 0, 0, struct.pack('>I', window)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        """A server that has hung up is for the test to find when it reads."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def block(self, path='/', method='GET', extra=(), authority='localhost', scheme='http'):
        return self.encoder.encode([(':method', method), (':scheme', scheme), (':path', path),
                                    (':authority', authority), *extra])

    def request(self, path='/', method='GET', extra=(), end=True, **more):
        """Begin a stream; its number."""
        return self.raw_request(self.block(path, method, extra, **more), end)

    def raw_request(self, block, end=True, flags=END_HEADERS):
        stream = self.next
        self.next += 2
        self.send(frame(HEADERS, flags | (END_STREAM if end else 0), stream, block))
        return stream

    def event(self):
        """The next frame; None at the end."""
        while len(self.bytes) < 9 or len(self.bytes) < 9 + int.from_bytes(self.bytes[:3], 'big'):
            try:
                more = self.socket.recv(1 << 16)
            except ConnectionResetError:
                more = b''
            if not more:
                return None
            self.bytes += more
        length = int.from_bytes(self.bytes[:3], 'big')
        kind, flags = self.bytes[3], self.bytes[4]
        stream = int.from_bytes(self.bytes[5:9], 'big')
        payload = self.bytes[9:9 + length]
        self.bytes = self.bytes[9 + length:]
        if kind == HEADERS:
            payload = self.decoder.decode(payload)
        if kind == SETTINGS and not flags & ACK:
            self.send(frame(SETTINGS, ACK, 0))
        if kind == PING and not flags & ACK:
            self.send(frame(PING, ACK, 0, payload))
        self.seen.append((kind, flags, stream, payload))
        return self.seen[-1]

    def until(self, wanted):
        """Events up to the first that wanted() likes, which is returned; None: the end came."""
        while True:
            event = self.event()
            if event is None or wanted(event):
                return event

    def answer(self, stream, credit=True):
        """(status, fields, body, error code of a reset or None)"""
        status, fields, body = None, [], b''
        while True:
            event = self.event()
            if event is None:
                raise AssertionError(f'the connection ended; {self.seen[-3:]}')
            kind, flags, number, payload = event
            if number != stream:
                if kind == GOAWAY and status is None:
                    raise AssertionError(f'sent away: {payload}')
                continue
            if kind == HEADERS and status in (None, 100, 103):
                status, fields = int(payload[0][1]), payload[1:]
            elif kind == DATA:
                body += payload
                if credit and payload:
                    self.credit(len(payload), 0, *([] if flags & END_STREAM else [stream]))
            elif kind == RST_STREAM:
                return status, fields, body, int.from_bytes(payload, 'big')
            if kind in (HEADERS, DATA) and flags & END_STREAM:
                return status, fields, body, None

    def credit(self, count, *streams):
        self.send(b''.join(frame(WINDOW_UPDATE, 0, stream, struct.pack('>I', count))
                           for stream in streams))

    def get(self, path='/', **more):
        return self.answer(self.request(path, **more))

    def goaway(self):
        """(last stream, error code) of the GOAWAY that must come."""
        event = self.until(lambda event: event[0] == GOAWAY)
        if event is None:
            raise AssertionError(f'no GOAWAY came; {self.seen[-3:]}')
        return struct.unpack('>II', event[3][:8])

    def ping(self):
        """Wait until all that was sent before has been looked at."""
        self.send(frame(PING, 0, 0, b'12345678'))
        return self.until(lambda event: event[0] == PING and event[1] & ACK)


class Server:
    def __init__(self, program, *arguments):
        self.process = subprocess.Popen([program, *arguments], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def stop(self):
        self.process.terminate()
        self.end()

    def end(self):
        try:
            self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self.process.stdout.close()

    def sanitized(self):
        """Memory tells nothing then."""
        with open(f'/proc/{self.process.pid}/maps', encoding='ascii') as maps:
            return 'libasan' in maps.read()

    def memory(self):
        """Resident bytes."""
        for line in open(f'/proc/{self.process.pid}/status', encoding='ascii'):
            if line.startswith('VmRSS:'):
                return int(line.split()[1]) * 1024
        return 0


class Case(unittest.TestCase):
    """One server a class, unless a test starts its own with other limits."""
    arguments = ()
    maxDiff = 1000

    @classmethod
    def setUpClass(cls):
        cls.server = Server(sys.argv[1], *cls.arguments)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        if cls.server.process.returncode != 0:
            raise AssertionError(f'the server ended with {cls.server.process.returncode}')

    def start(self, *arguments):
        server = Server(sys.argv[1], *arguments)
        self.addCleanup(server.stop)
        return server

    def client(self, **more):
        client = Client(self.server.port, **more)
        self.addCleanup(client.socket.close)
        return client

    def figures(self, port=None):
        with Client(port or self.server.port) as client:
            text = client.get('/figures')[2].decode()
        return {name: int(value) for name, value in (part.split('=') for part in text.split())}

    def until_figure(self, name, value, port=None):
        for _ in range(2000):
            if self.figures(port)[name] == value:
                return
        self.fail(f'{name} does not become {value}: {self.figures(port)}')

    def bystander(self, port=None):
        """Another client is served as ever."""
        with Client(port or self.server.port) as client:
            self.assertEqual(client.get()[0], 200)
