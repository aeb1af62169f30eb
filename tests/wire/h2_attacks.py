#!/usr/bin/python3
"""HTTP/2: what is refused, and floods that others don't notice. usage: h2_attacks.py SERVER"""
import struct
import time

from h2 import (ACK, CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM,
                FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, GOAWAY, HEADERS, PING, PRIORITY,
                PRIORITY_UPDATE, PROTOCOL_ERROR, PUSH_PROMISE, REFUSED_STREAM, RST_STREAM,
                SETTINGS, STREAM_CLOSED, WINDOW_UPDATE, Case, Client, frame, setting, main)

GOOD = [(':method', 'GET'), (':scheme', 'http'), (':path', '/'), (':authority', 'localhost')]


def but(**changes):
    """GOOD with pseudo fields changed; None leaves one out."""
    fields = {**{name[1:]: value for name, value in GOOD}, **changes}
    return [(':' + name, value) for name, value in fields.items() if value is not None]


class Heads(Case):
    def answer(self, fields, method='encode'):
        with Client(self.server.port) as client:
            block = b''.join(client.encoder.encode([field]) for field in fields)
            result = client.answer(client.raw_request(block))
            self.assertEqual(client.get()[0], 200, 'the connection goes on')
            return result[0] or -result[3]

    def test_malformed(self):
        bad = {
            'no method': but(method=None),
            'no scheme': but(scheme=None),
            'no path': but(path=None),
            'no authority and no host': but(authority=None),
            'an empty path': but(path=''),
            'a method twice': [*GOOD, (':method', 'GET')],
            'a status': [*GOOD, (':status', '200')],
            'an unknown pseudo field': [*GOOD, (':other', 'x')],
            'a pseudo field behind another': [('x-a', '1'), *GOOD],
            'upper case': [*GOOD, ('X-Upper', '1')],
            'an empty name': [*GOOD, ('', '1')],
            'a space in a name': [*GOOD, ('x a', '1')],
            'a colon in a name': [*GOOD, ('x:a', '1')],
            'connection': [*GOOD, ('connection', 'close')],
            'keep-alive': [*GOOD, ('keep-alive', '1')],
            'proxy-connection': [*GOOD, ('proxy-connection', 'close')],
            'transfer-encoding': [*GOOD, ('transfer-encoding', 'chunked')],
            'upgrade': [*GOOD, ('upgrade', 'h2c')],
            'te but trailers': [*GOOD, ('te', 'gzip')],
            'a line feed in a value': [*GOOD, ('x-a', 'b\nc: d')],
            'a carriage return in a value': [*GOOD, ('x-a', 'b\rc')],
            'a NUL in a value': [*GOOD, ('x-a', 'b\0c')],
            'space before a value': [*GOOD, ('x-a', ' b')],
            'two lengths': [*GOOD, ('content-length', '0'), ('content-length', '0')],
            'a length without a body': [*GOOD, ('content-length', '1')],
            'a length that is none': [*GOOD, ('content-length', '+0')],
            'two hosts': [*but(authority=None), ('host', 'a'), ('host', 'b')],
            'a space in the method': but(method='GET /x'),
            'a line feed in the path': but(path='/a\r\nx: y'),
            'a request line in the path': but(path='/ HTTP/1.1'),
            'protocol without CONNECT': [*GOOD, (':protocol', 'websocket')],
            'CONNECT with a path alone': [(':method', 'CONNECT'), (':path', '/'),
                                          (':authority', 'x')],
        }
        for name, fields in bad.items():
            self.assertIn(self.answer(fields), (-PROTOCOL_ERROR, 400), name)

    def test_refused_by_us(self):
        bad = {
            'another scheme': but(scheme='ftp'),
            'a path without a slash': but(path='index'),
            'an absolute path': but(path='http://other/'),
            'a fragment': but(path='/a#b'),
            'bytes above ASCII': but(path='/\xe9'),
            'another host': [*GOOD, ('host', 'other')],
            'user information': but(authority='user@localhost'),
            'a list of authorities': but(authority='a,b'),
            'an empty authority': but(authority=''),
        }
        for name, fields in bad.items():
            self.assertIn(self.answer(fields), (400, -PROTOCOL_ERROR), name)

    def test_accepted(self):
        good = {
            'an unknown method': [*but(method='BREW', path='/show')],
            'te: trailers': [*GOOD, ('te', 'trailers')],
            'the same host': [*GOOD, ('host', 'LOCALHOST')],
            'an empty value': [*GOOD, ('x-a', '')],
            'an asterisk': but(method='OPTIONS', path='*'),
        }
        for name, fields in good.items():
            self.assertIn(self.answer(fields), (200, 404), name)


class Limits(Case):
    arguments = ('--set', 'max_head=2000', '--set', 'max_field=500', '--set', 'max_fields=10',
                 '--set', 'max_target=100', '--set', 'max_streams=5')

    def status(self, extra=(), path='/'):
        with Client(self.server.port) as client:
            status = client.get(path, extra=extra)[0]
            self.assertEqual(client.get()[0], 200, 'the connection goes on')
            return status

    def test_a_field(self):
        self.assertEqual(self.status([('x-a', 'v' * 497)]), 200)
        self.assertEqual(self.status([('x-a', 'v' * 498)]), 431)

    def test_the_number_of_fields(self):
        self.assertEqual(self.status([(f'x-{i}', '') for i in range(10)]), 200)
        self.assertEqual(self.status([(f'x-{i}', '') for i in range(11)]), 431)

    def test_the_whole_head(self):
        used = sum(len(name) + len(value) + 32 for name, value in GOOD)
        fields = [('x-a', 'v' * 460)] * 3
        left = 2000 - used - sum(len(name) + len(value) + 32 for name, value in fields) - 35
        self.assertEqual(self.status([*fields, ('x-b', 'v' * left)]), 200)
        self.assertEqual(self.status([*fields, ('x-b', 'v' * (left + 1))]), 431)

    def test_the_target(self):
        self.assertEqual(self.status(path='/?' + 'x' * 98), 200)
        self.assertEqual(self.status(path='/?' + 'x' * 99), 414)

    def test_a_head_that_unpacks_to_much(self):
        with Client(self.server.port) as client:
            client.encoder.header_table_size = 4096
            first = client.block(extra=[('x-a', 'v' * 400)])
            client.answer(client.raw_request(first))
            index = bytes([0x80 | 62])  # the newest entry of the table
            stream = client.raw_request(client.block() + index * 15000)
            self.assertEqual(client.answer(stream)[0], 431)
            self.assertEqual(client.get()[0], 200)

    def test_trailers(self):
        for size, expected in ((1900, None), (2100, PROTOCOL_ERROR)):
            with Client(self.server.port) as client:
                stream = client.request('/echo', 'POST', end=False)
                block = client.encoder.encode([('x-t', 'v' * size)])
                client.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, block))
                error = client.answer(stream)[3]
                self.assertEqual(error is None, expected is None)

    def test_streams_at_once(self):
        with Client(self.server.port) as client:
            client.ping()
            streams = [client.request('/wait?ms=200') for _ in range(5)]
            for stream in streams:
                self.assertEqual(client.until(lambda event: event[0] == DATA)[2], stream)
            for _ in range(6):
                client.request('/wait?ms=60000')
            self.assertEqual(client.goaway()[1], PROTOCOL_ERROR)
        self.bystander()
        with Client(self.server.port) as client:  # the settings have not arrived yet
            for _ in range(6):
                client.request('/wait?ms=60000')
            reset = client.until(lambda event: event[0] == RST_STREAM)
            self.assertEqual(reset[2:], (11, bytes([0, 0, 0, REFUSED_STREAM])))


class Frames(Case):
    def ends(self, data, *codes):
        """What was sent ends the connection with such a code."""
        with Client(self.server.port) as client:
            client.send(data(client) if callable(data) else data)
            self.assertIn(client.goaway()[1], codes)
            self.assertIsNone(client.until(lambda event: False))

    def test_errors_of_the_connection(self):
        wrong = {
            'DATA on 0': (frame(DATA, 0, 0, b'x'), PROTOCOL_ERROR),
            'DATA on an idle stream': (frame(DATA, 0, 5, b'x'), PROTOCOL_ERROR),
            'HEADERS on 0': (frame(HEADERS, 5, 0, b''), PROTOCOL_ERROR),
            'HEADERS on an even stream': (frame(HEADERS, 5, 2, b''), PROTOCOL_ERROR),
            'a broken block': (frame(HEADERS, 5, 1, b'\xff\xff\xff\xff\xff\xff'), 9),
            'RST_STREAM on 0': (frame(RST_STREAM, 0, 0, bytes(4)), PROTOCOL_ERROR),
            'RST_STREAM of an idle stream': (frame(RST_STREAM, 0, 9, bytes(4)), PROTOCOL_ERROR),
            'a short RST_STREAM': (frame(RST_STREAM, 0, 1, bytes(3)), FRAME_SIZE_ERROR),
            'SETTINGS on a stream': (frame(SETTINGS, 0, 1), PROTOCOL_ERROR),
            'SETTINGS of 5 bytes': (frame(SETTINGS, 0, 0, bytes(5)), FRAME_SIZE_ERROR),
            'an acknowledgement with content': (frame(SETTINGS, ACK, 0, bytes(6)),
                                                FRAME_SIZE_ERROR),
            'a window above 2^31': (frame(SETTINGS, 0, 0, setting(4, 1 << 31)),
                                    FLOW_CONTROL_ERROR),
            'frames of 100 bytes': (frame(SETTINGS, 0, 0, setting(5, 100)), PROTOCOL_ERROR),
            'ENABLE_PUSH of 2': (frame(SETTINGS, 0, 0, setting(2, 2)), PROTOCOL_ERROR),
            'PUSH_PROMISE': (frame(PUSH_PROMISE, 4, 1, bytes(4)), PROTOCOL_ERROR),
            'a PING on a stream': (frame(PING, 0, 1, bytes(8)), PROTOCOL_ERROR),
            'a PING of 7 bytes': (frame(PING, 0, 0, bytes(7)), FRAME_SIZE_ERROR),
            'GOAWAY on a stream': (frame(GOAWAY, 0, 1, bytes(8)), PROTOCOL_ERROR),
            'WINDOW_UPDATE of 0': (frame(WINDOW_UPDATE, 0, 0, bytes(4)), PROTOCOL_ERROR),
            'WINDOW_UPDATE beyond 2^31': (
                frame(WINDOW_UPDATE, 0, 0, struct.pack('>I', 0x7fffffff)), FLOW_CONTROL_ERROR),
            'CONTINUATION alone': (frame(CONTINUATION, 4, 1, b''), PROTOCOL_ERROR),
            'a frame above 16,384 bytes': (frame(DATA, 0, 0, bytes(16385)), FRAME_SIZE_ERROR),
            'padding beyond the frame': (frame(HEADERS, 13, 1, b'\xff'), PROTOCOL_ERROR),
        }
        for name, (data, code) in wrong.items():
            with self.subTest(name):
                self.ends(data, code, *([FRAME_SIZE_ERROR] if 'padding' in name else []))

    def test_a_frame_between_continuations(self):
        self.ends(lambda client: frame(HEADERS, 1, 1, client.block()[:3]) +
                  frame(PING, 0, 0, bytes(8)), PROTOCOL_ERROR)

    def test_ids_that_were_passed_over(self):
        def skip(client):
            client.next = 5
            client.get()
            client.next = 11
            client.get()
            client.next = 7
            client.request()
            return b''
        self.ends(skip, PROTOCOL_ERROR)

    def test_no_preface(self):
        client = self.client(begin=False)
        client.send(b'\0' * 24)
        self.assertTrue(client.socket.recv(1000).startswith(b'HTTP/1.1 400'))

    def test_unknown_frames_are_ignored(self):
        with Client(self.server.port) as client:
            client.send(frame(99, 255, 0, b'whatever') + frame(98, 255, 7, b''))
            self.assertEqual(client.get()[0], 200)


class Floods(Case):
    arguments = ('--set', 'max_resets=20', '--set', 'max_controls=50')

    def calmed(self, flood, count=4000):
        """The flood ends with ENHANCE_YOUR_CALM, and does not swell or trouble anybody."""
        with Client(self.server.port) as client:
            client.ping()
            memory = self.server.memory()
            for _ in range(20):
                client.send(b''.join(flood(client) for _ in range(count // 20)))
            self.bystander()
            self.assertEqual(client.goaway()[1], ENHANCE_YOUR_CALM)
        self.assertLess(self.server.memory() - memory, 5 << 20)
        self.until_figure('running', 0)

    def open(self, client, path='/wait?ms=60000', end=True):
        stream = client.next
        client.next += 2
        return stream, frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream,
                             client.block(path))

    def test_rapid_reset(self):
        def flood(client):
            stream, data = self.open(client)
            return data + frame(RST_STREAM, 0, stream, struct.pack('>I', CANCEL))
        self.calmed(flood)

    def test_made_to_reset_by_a_window_of_0(self):
        def flood(client):
            stream, data = self.open(client)
            return data + frame(WINDOW_UPDATE, 0, stream, bytes(4))
        self.calmed_or_ended(flood)

    def test_made_to_reset_by_a_window_overflow(self):
        def flood(client):
            stream, data = self.open(client)
            return data + frame(WINDOW_UPDATE, 0, stream, struct.pack('>I', 0x7fffffff))
        self.calmed_or_ended(flood)

    def test_made_to_reset_by_data_behind_the_end(self):
        def flood(client):
            stream, data = self.open(client)
            return data + frame(DATA, 0, stream, b'x')
        self.calmed_or_ended(flood)

    def test_made_to_reset_by_a_head_behind_the_end(self):
        def flood(client):
            stream, data = self.open(client)
            return data + frame(HEADERS, END_HEADERS | END_STREAM, stream, client.block())
        self.calmed_or_ended(flood)

    def test_made_to_reset_by_a_priority_of_wrong_length(self):
        def flood(client):
            stream, data = self.open(client)
            return data + frame(PRIORITY, 0, stream, bytes(4))
        self.calmed_or_ended(flood)

    def test_made_to_reset_by_lengths_that_do_not_fit(self):
        def flood(client):
            stream = client.next
            client.next += 2
            block = client.block('/echo', 'POST', [('content-length', '5')])
            return frame(HEADERS, END_HEADERS, stream, block) + frame(DATA, END_STREAM, stream, b'x')
        self.calmed_or_ended(flood)

    def test_made_to_reset_by_malformed_heads(self):
        def flood(client):
            stream = client.next
            client.next += 2
            return frame(HEADERS, END_HEADERS | END_STREAM, stream,
                         client.block(extra=[('connection', 'close')]))
        self.calmed_or_ended(flood)

    def calmed_or_ended(self, flood):
        """Some of these end the connection at once, which is as good."""
        with Client(self.server.port) as client:
            client.ping()
            for _ in range(40):
                client.send(b''.join(flood(client) for _ in range(10)))
            self.bystander()
            self.assertIn(client.goaway()[1], (ENHANCE_YOUR_CALM, PROTOCOL_ERROR, STREAM_CLOSED,
                                               FRAME_SIZE_ERROR))
        self.until_figure('running', 0)

    def test_resets_at_the_edge(self):
        for count, calm in ((20, False), (21, True)):
            with Client(self.server.port) as client:
                for _ in range(count):
                    stream = client.request('/wait?ms=60000')
                    client.send(frame(RST_STREAM, 0, stream, struct.pack('>I', CANCEL)))
                if calm:
                    self.assertEqual(client.goaway()[1], ENHANCE_YOUR_CALM)
                else:
                    self.assertEqual(client.get()[0], 200)

    def test_controls_at_the_edge(self):
        # Of 50, the preface's SETTINGS and WINDOW_UPDATE take two.
        for count, calm in ((48, False), (49, True)):
            with Client(self.server.port) as client:
                client.send(frame(PING, 0, 0, bytes(8)) * count)
                if calm:
                    self.assertEqual(client.goaway()[1], ENHANCE_YOUR_CALM)
                else:
                    self.assertEqual(client.get()[0], 200)

    def test_pings(self):
        self.calmed(lambda client: frame(PING, 0, 0, bytes(8)))

    def test_settings(self):
        self.calmed(lambda client: frame(SETTINGS, 0, 0))

    def test_settings_with_many_entries(self):
        with Client(self.server.port) as client:
            client.send(frame(SETTINGS, 0, 0, setting(0x99, 1) * 33))
            self.assertEqual(client.goaway()[1], ENHANCE_YOUR_CALM)
        with Client(self.server.port) as client:
            client.send(frame(SETTINGS, 0, 0, setting(0x99, 1) * 32))
            self.assertEqual(client.get()[0], 200)

    def test_priorities(self):
        self.calmed(lambda client: frame(PRIORITY, 0, 1, bytes([0, 0, 0, 3, 7])))
        self.calmed(lambda client: frame(PRIORITY_UPDATE, 0, 0, bytes([0, 0, 0, 1]) + b'u=1'))

    def test_window_updates(self):
        self.calmed(lambda client: frame(WINDOW_UPDATE, 0, 0, bytes([0, 0, 0, 1])))

    def test_empty_data(self):
        sent = []

        def flood(client):
            if not sent:
                sent.append(1)
                return self.open(client, '/echo', end=False)[1]
            return frame(DATA, 0, 1, b'')
        self.calmed(flood)

    def test_continuations(self):
        with Client(self.server.port) as client:
            client.send(frame(HEADERS, END_STREAM, 1, client.block()))
            for _ in range(8):
                client.send(frame(CONTINUATION, 0, 1, b''))
            client.send(frame(CONTINUATION, END_HEADERS, 1, b''))
            self.assertIsNone(client.until(lambda event: event[0] == HEADERS))
        self.bystander()
        with Client(self.server.port) as client:
            block = client.block()
            client.send(frame(HEADERS, END_STREAM, 1, block))
            client.send(frame(CONTINUATION, 0, 1, b'') * 7 +
                        frame(CONTINUATION, END_HEADERS, 1, b''))
            client.next = 3
            self.assertEqual(client.answer(1)[0], 200)

    def test_downloads_earn_their_window_updates(self):
        with Client(self.server.port, window=1) as client:
            stream = client.request('/big?size=3000000')
            self.assertEqual(len(client.answer(stream)[2]), 3000000)


class Slow(Case):
    arguments = ('--set', 'write_timeout=200', '--set', 'head_timeout=200')

    def test_a_window_that_stays_shut(self):
        with Client(self.server.port, settings=setting(4, 0)) as client:
            for path in ('/big?size=1000', '/count?n=3', '/events'):
                stream = client.request(path)
                reset = client.until(lambda event: event[0] == RST_STREAM)
                self.assertEqual(reset[2:], (stream, bytes([0, 0, 0, CANCEL])), path)
            self.bystander()
            client.send(frame(SETTINGS, 0, 0, setting(4, 100)))
            self.assertEqual(client.get()[0], 200, 'the connection goes on')
        self.until_figure('streams', 0)

    def test_a_window_that_opens_byte_by_byte(self):
        with Client(self.server.port, settings=setting(4, 0)) as client:
            stream = client.request('/big?size=100000')
            event = None
            for _ in range(400):
                client.credit(1, stream)
                time.sleep(0.005)
                event = client.event()
                if event is None or event[0] == RST_STREAM:
                    break
            self.assertEqual(event and event[0], RST_STREAM)

    def test_a_client_that_reads_nothing(self):
        with Client(self.server.port, settings=setting(4, (1 << 31) - 1), window=1 << 30) as client:
            memory = self.server.memory()
            for _ in range(20):
                client.request('/big?size=3000000')
            self.bystander()
            self.until_figure('running', 0)
            self.assertLess(self.server.memory() - memory, 150 << 20)
            time.sleep(1)
            ends = set()  # all streams', or the connection's
            while len(ends) < 20 and (event := client.event()):
                if event[0] == RST_STREAM or (event[0] == DATA and event[1] & END_STREAM):
                    ends.add(event[2])
            was_reset = any(event[0] == RST_STREAM for event in client.seen)
            self.assertTrue(was_reset or len(ends) < 20)

    def test_a_head_that_never_ends(self):
        with Client(self.server.port) as client:
            client.send(frame(HEADERS, END_STREAM, 1, client.block()))
            self.assertIsNotNone(client.until(lambda event: event[0] == GOAWAY))

    def test_a_preface_that_never_ends(self):
        client = self.client(begin=False)
        client.send(b'PRI * HT')
        self.assertEqual(client.socket.recv(100), b'')


if __name__ == '__main__':
    main()
