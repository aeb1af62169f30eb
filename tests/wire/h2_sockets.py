#!/usr/bin/python3
"""WebSockets on streams of HTTP/2 (RFC 8441), frame by frame. usage: h2_sockets.py SERVER"""
import os
import struct

from h2 import (ACK, CANCEL, DATA, END_STREAM, GOAWAY, HEADERS, RST_STREAM, SETTINGS,
                WINDOW_UPDATE, Case, Client, frame, setting, main)

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Socket:
    def __init__(self, client, path, extra=(), protocol='websocket'):
        self.client = client
        self.bytes = b''
        block = client.encoder.encode([
            (':method', 'CONNECT'), (':protocol', protocol), (':scheme', 'http'), (':path', path),
            (':authority', 'localhost'), ('sec-websocket-version', '13'), *extra])
        self.stream = client.raw_request(block, end=False)
        self.ended = False
        self.window = 65535

    def accepted(self):
        event = self.client.until(lambda event: event[0] == HEADERS and event[2] == self.stream)
        return dict(event[3])

    def raw(self, data, end=False):
        for at in range(0, len(data) or 1, 16384):
            piece = data[at:at + 16384]
            last = end and at + 16384 >= len(data)
            while self.window < len(piece):
                self.more()
            self.window -= len(piece)
            self.client.send(frame(DATA, END_STREAM if last else 0, self.stream, piece))

    def send(self, opcode, data):
        mask = os.urandom(4)
        head = bytes([0x80 | opcode])
        if len(data) < 126:
            head += bytes([0x80 | len(data)])
        elif len(data) < 65536:
            head += bytes([0x80 | 126]) + struct.pack('>H', len(data))
        else:
            head += bytes([0x80 | 127]) + struct.pack('>Q', len(data))
        self.raw(head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(data)))

    def more(self):
        event = self.client.until(lambda event: event[2] == self.stream)
        if event is None or event[0] == RST_STREAM:
            raise EOFError(event)
        self.take(event)

    def take(self, event):
        if event[0] == WINDOW_UPDATE:
            self.window += int.from_bytes(event[3], 'big')
        if event[0] != DATA:
            return
        self.bytes += event[3]
        self.ended = bool(event[1] & END_STREAM)
        if event[3]:
            self.client.credit(len(event[3]), 0, *([] if self.ended else [self.stream]))

    def read(self, count):
        while len(self.bytes) < count:
            if self.ended:
                raise EOFError
            self.more()
        data, self.bytes = self.bytes[:count], self.bytes[count:]
        return data

    def receive(self):
        """(opcode, payload)"""
        first, length = self.read(2)
        if length == 126:
            length = struct.unpack('>H', self.read(2))[0]
        elif length == 127:
            length = struct.unpack('>Q', self.read(8))[0]
        return first & 15, self.read(length)


class Sockets(Case):
    def socket(self, path, client=None, **more):
        return Socket(client or self.client(), path, **more)

    def test_the_setting(self):
        client = self.client()
        settings = client.until(lambda event: event[0] == SETTINGS and not event[1] & ACK)
        self.assertIn(setting(8, 1), [settings[3][i:i + 6] for i in range(0, len(settings[3]), 6)])

    def test_echo(self):
        for path in ('/echo', '/run'):
            socket = self.socket(path)
            fields = socket.accepted()
            self.assertEqual(fields[':status'], '200')
            self.assertNotIn('sec-websocket-accept', fields)
            for size in (0, 5, 126, 65536, 300_000):
                socket.send(BINARY, b'x' * size)
                self.assertEqual(socket.receive(), (BINARY, b'x' * size), (path, size))
            socket.send(PING, b'payload')
            self.assertEqual(socket.receive(), (PONG, b'payload'))
            socket.send(CLOSE, struct.pack('>H', 1000))
            self.assertEqual(socket.receive(), (CLOSE, struct.pack('>H', 1000)))
            while not socket.ended:
                socket.more()

    def test_many_on_one_connection(self):
        client = self.client()
        sockets = [self.socket('/echo' if i % 2 else '/run', client) for i in range(40)]
        for i, socket in enumerate(sockets):
            socket.send(TEXT, b'%d' % i)
        got = {}
        while len(got) < 40:
            event = client.event()
            if event[0] == DATA and event[2]:
                got[event[2]] = event[3][2:]
        self.assertEqual(got[79], b'39')

    def test_what_was_agreed_on(self):
        fields = self.socket('/state', extra=[
            ('sec-websocket-protocol', 'v1.weft, v2.weft'),
            ('sec-websocket-extensions', 'permessage-deflate')]).accepted()
        self.assertEqual(fields['sec-websocket-protocol'], 'v2.weft')

    def test_refused(self):
        socket = self.socket('/origin', extra=[('origin', 'https://elsewhere.example')])
        self.assertEqual(socket.accepted()[':status'], '403')
        socket = self.socket('/echo', protocol='other')
        self.assertEqual(socket.accepted()[':status'], '501')
        client = self.client()
        self.assertEqual(client.get('/echo', extra=[('sec-websocket-version', '13')])[0], 426)

    def test_a_client_that_resets(self):
        client = self.client()
        for path in ('/echo', '/run'):
            socket = self.socket(path, client)
            socket.accepted()
            client.send(frame(RST_STREAM, 0, socket.stream, struct.pack('>I', CANCEL)))
        again = self.socket('/echo', client)
        again.send(TEXT, b'still here')
        again.accepted()
        self.assertEqual(again.receive(), (TEXT, b'still here'))

    def test_an_end_without_a_close(self):
        socket = self.socket('/echo')
        socket.accepted()
        socket.raw(b'', end=True)
        with self.assertRaises(EOFError):
            while True:
                socket.receive()

    def test_a_stream_that_the_server_resets(self):
        client = self.client()
        for path in ('/echo', '/run'):
            socket = self.socket(path, client)
            socket.accepted()
            client.credit(0x7fffffff, socket.stream)
            with self.assertRaises(EOFError):
                socket.receive()
        self.bystander()

    def test_a_broken_frame(self):
        socket = self.socket('/echo')
        socket.accepted()
        socket.raw(b'\xff\xff')
        self.assertEqual(socket.receive()[1][:2], struct.pack('>H', 1002))

    def test_a_shut_window_holds_up_the_echo_alone(self):
        client = self.client(settings=setting(4, 10))
        socket = self.socket('/run', client)
        socket.accepted()
        socket.send(BINARY, b'x' * 1000)
        self.assertEqual(client.get('/nowhere')[0], 404)
        for event in client.seen:
            if event[2] == socket.stream:
                socket.take(event)
        self.assertEqual(socket.receive(), (BINARY, b'x' * 1000))

    def test_a_connection_that_goes(self):
        for path in ('/echo', '/run'):
            client = self.client()
            for _ in range(5):
                self.socket(path, client).accepted()
            client.socket.close()
        self.bystander()

    def bystander(self):
        socket = self.socket('/echo')
        socket.accepted()
        socket.send(TEXT, b'me')
        self.assertEqual(socket.receive(), (TEXT, b'me'))

    def test_a_graceful_stop(self):
        server = self.start()
        client = Client(server.port)
        self.addCleanup(client.socket.close)
        sockets = [self.socket(path, client) for path in ('/echo', '/run')]
        for socket in sockets:
            socket.accepted()
        server.process.terminate()
        for socket in sockets:
            self.assertEqual(socket.receive()[1][:2], struct.pack('>H', 1001))
            socket.send(CLOSE, struct.pack('>H', 1001))
        self.assertIsNone(client.until(lambda event: False))
        self.assertIn(GOAWAY, [event[0] for event in client.seen])
        server.end()


if __name__ == '__main__':
    main()
