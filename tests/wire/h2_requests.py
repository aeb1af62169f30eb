#!/usr/bin/python3
"""HTTP/2: requests, bodies, flow control, ends. usage: h2_requests.py SERVER-PROGRAM"""
import struct
import time

from h2 import (ACK, CANCEL, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, INTERNAL_ERROR,
                NO_ERROR, PREFACE, PRIORITY_UPDATE, PROTOCOL_ERROR, RST_STREAM, SETTINGS,
                WINDOW_UPDATE, Case, Client, frame, setting, main)


class Requests(Case):
    def test_a_page(self):
        status, fields, body, error = self.client().get('/?name=h2')
        self.assertEqual((status, body, error), (200, b'Hello, h2!\n', None))
        fields = dict(fields)
        self.assertEqual(fields['content-length'], '11')
        self.assertEqual(fields['content-type'], 'text/plain; charset=utf-8')
        self.assertTrue(fields['date'].endswith(' GMT'))
        self.assertNotIn('connection', fields)

    def test_what_the_handler_sees(self):
        body = self.client().get('/show/a?b=c', extra=[('x-one', '1'), ('cookie', 'a=1'),
                                                       ('cookie', 'b=2')])[2].decode()
        self.assertEqual(body.splitlines(),
                         ['GET /show/a?b=c 20 path=/show/a query=b=c authority=localhost',
                          'x-one=1', 'cookie=a=1; b=2', 'host=localhost'])

    def test_host_in_place_of_the_authority(self):
        client = self.client()
        block = client.encoder.encode([(':method', 'GET'), (':scheme', 'http'), (':path', '/show'),
                                       ('host', 'example.org:81')])
        body = client.answer(client.raw_request(block))[2].decode()
        self.assertIn('authority=example.org:81\n', body)

    def test_head(self):
        status, fields, body, _ = self.client().get('/', method='HEAD')
        self.assertEqual((status, body, dict(fields)['content-length']), (200, b'', '14'))

    def test_no_content(self):
        status, fields, body, _ = self.client().get('/style.css',
                                                    extra=[('if-none-match', '"v1"')])
        self.assertEqual((status, body), (304, b''))
        self.assertNotIn('content-length', dict(fields))

    def test_a_preface_in_pieces(self):
        client = self.client(begin=False)
        for byte in PREFACE + frame(SETTINGS, 0, 0):
            client.send(bytes([byte]))
        self.assertEqual(client.get()[0], 200)

    def test_almost_a_preface(self):
        client = self.client(begin=False)
        client.send(b'PRI * HTTP/2.0\r\n\r\nSX')
        self.assertIn(b'505', client.socket.recv(100))

    def test_http1_on_the_same_port(self):
        client = self.client(begin=False)
        client.send(b'GET / HTTP/1.1\r\nhost: x\r\n\r\n')
        self.assertTrue(client.socket.recv(100).startswith(b'HTTP/1.1 200'))

    def test_many_at_once(self):
        client = self.client()
        client.send(b''.join(frame(HEADERS, END_HEADERS | END_STREAM, stream,
                                   client.block(f'/?name={stream}'))
                             for stream in range(1, 201, 2)))
        got = {}
        while len(got) < 100:
            kind, _, stream, payload = client.event()
            if kind == DATA:
                got[stream] = payload
        self.assertEqual(got[99], b'Hello, 99!\n')

    def test_a_slow_answer_holds_up_no_other(self):
        client = self.client()
        slow = client.request('/wait?ms=300')
        self.assertEqual(client.get()[0], 200)
        self.assertEqual(client.answer(slow)[2], b'waited\n')

    def test_a_head_in_continuations(self):
        client = self.client()
        block = client.block('/show', extra=[('x-long', 'v' * 100)])
        client.send(frame(HEADERS, END_STREAM, 1, block[:5]) +
                    frame(9, 0, 1, block[5:10]) + frame(9, END_HEADERS, 1, block[10:]))
        self.assertIn(b'x-long=vvv', client.answer(1)[2])


class Bodies(Case):
    def post(self, client, path, pieces, extra=(), trailers=None):
        stream = client.request(path, 'POST', extra, end=False)
        for i, piece in enumerate(pieces):
            last = i + 1 == len(pieces) and trailers is None
            client.send(frame(DATA, END_STREAM if last else 0, stream, piece))
        if trailers is not None:
            client.send(frame(HEADERS, END_HEADERS | END_STREAM, stream,
                              client.encoder.encode(trailers)))
        return client.answer(stream)

    def test_echo(self):
        pieces = [b'one ', b'', b'two ', b'three']
        self.assertEqual(self.post(self.client(), '/echo', pieces)[2], b'one two three')

    def test_an_empty_body(self):
        self.assertEqual(self.post(self.client(), '/echo', [b''])[:3:2], (200, b''))

    def test_trailers_are_dropped(self):
        answer = self.post(self.client(), '/echo', [b'body'], trailers=[('x-sum', '1')])
        self.assertEqual(answer[2], b'body')

    def test_trailers_with_pseudo_fields(self):
        answer = self.post(self.client(), '/echo', [b'body'], trailers=[(':path', '/other')])
        self.assertEqual(answer[3], PROTOCOL_ERROR)

    def test_content_length_has_to_fit(self):
        client = self.client()
        for told, sent in (('4', b'five!'), ('6', b'five!'), ('-1', b'x'), ('1x', b'x')):
            answer = self.post(client, '/echo', [sent], extra=[('content-length', told)])
            self.assertEqual(answer[3], PROTOCOL_ERROR, told)
        answer = self.post(client, '/echo', [b'five!'], extra=[('content-length', '5')])
        self.assertEqual(answer[2], b'five!')

    def test_a_body_up_to_the_limit(self):
        server = self.start('--set', 'max_body=1000')
        client = Client(server.port)
        self.addCleanup(client.socket.close)
        self.assertEqual(self.post(client, '/echo', [b'x' * 1000])[0], 200)
        self.assertEqual(self.post(client, '/echo', [b'x' * 1001])[0], 413)
        self.assertEqual(self.post(client, '/echo', [b'x' * 600, b'x' * 401])[0], 413)
        told = [('content-length', '1001')]
        self.assertEqual(self.post(client, '/echo', [b'x' * 1001], extra=told)[0], 413)
        self.assertEqual(client.get()[0], 200)

    def test_an_answer_before_the_body_has_come(self):
        client = self.client()
        stream = client.request('/ignore', 'POST', end=False)
        status, _, _, error = client.answer(stream)
        self.assertEqual((status, error), (200, None))
        reset = client.until(lambda event: event[0] == RST_STREAM)
        self.assertEqual(reset[2:], (stream, bytes([0, 0, 0, NO_ERROR])))
        client.send(frame(DATA, END_STREAM, stream, b'late'))
        self.assertEqual(client.get()[0], 200)

    def test_continue(self):
        client = self.client()
        stream = client.request('/echo', 'POST', [('expect', '100-continue')], end=False)
        first = client.until(lambda event: event[0] == HEADERS)
        self.assertEqual(first[3], [(':status', '100')])
        client.send(frame(DATA, END_STREAM, stream, b'now'))
        self.assertEqual(client.answer(stream)[2], b'now')
        stream = client.request('/ignore', 'POST', [('expect', '100-continue')], end=False)
        self.assertEqual(client.until(lambda event: event[0] == HEADERS)[3][0], (':status', '200'))
        stream = client.request('/echo', 'POST', [('expect', 'tea')], end=False)
        self.assertEqual(client.answer(stream)[0], 417)

    def test_hints(self):
        client = self.client()
        stream = client.request('/hints')
        heads = [client.until(lambda event: event[0] == HEADERS) for _ in range(3)]
        self.assertEqual([head[1:] for head in heads[:2]], [
            (END_HEADERS, stream, [(':status', '103'), ('link', '</style.css>; rel=preload')]),
            (END_HEADERS, stream, [(':status', '199')])])
        self.assertEqual(heads[2][3][0], (':status', '200'))
        self.assertEqual(client.event()[3], b'hinted\n')

    def test_credit_comes_as_the_handler_reads(self):
        client = self.client()
        client.ping()
        stream = client.request('/wait?ms=60000', end=False)
        piece = b'x' * 16384
        for _ in range(4):
            client.send(frame(DATA, 0, stream, piece))
        client.ping()
        updates = [event for event in client.seen if event[0] == WINDOW_UPDATE and event[2]]
        self.assertEqual(updates, [], 'no credit for a handler that does not read')
        client.send(frame(DATA, 0, stream, b'x'))
        self.assertEqual(client.answer(stream)[3], 3, 'more than the window: FLOW_CONTROL_ERROR')
        stream = client.request('/pieces', 'POST', end=False)
        for _ in range(4):
            client.send(frame(DATA, 0, stream, piece))
        self.assertTrue(client.until(lambda event: event[0] == WINDOW_UPDATE and
                                     event[2] == stream))

    def test_unread_bodies_give_their_credit_back(self):
        client = self.client()
        piece = b'x' * 16384
        for _ in range(100):  # more than the connection's window
            stream = client.request('/ignore', 'POST', end=False)
            client.send(frame(DATA, 0, stream, piece) * 2 + frame(DATA, END_STREAM, stream, b''))
            self.assertEqual(client.answer(stream)[0], 200)

    def test_a_body_that_comes_too_slowly(self):
        server = self.start('--set', 'body_timeout=100')
        client = Client(server.port)
        self.addCleanup(client.socket.close)
        stream = client.request('/echo', 'POST', end=False)
        self.assertEqual(client.answer(stream)[0], 408)

    def test_both_ways_in_bounded_memory(self):
        size, count = 16384, 4096  # 64 MiB
        client = self.client()
        stream = client.request('/pieces', 'POST', end=False)
        piece = bytes(range(256)) * (size // 256)
        window, connection, sent, got, total = 65535, 65535, 0, 0, 0
        highest = before = self.server.memory()
        while got < size * count:
            while sent < count and window >= size and connection >= size:
                sent += 1
                window -= size
                connection -= size
                client.send(frame(DATA, END_STREAM if sent == count else 0, stream, piece))
            kind, flags, number, payload = client.event()
            if kind == WINDOW_UPDATE:
                if number:
                    window += int.from_bytes(payload, 'big')
                else:
                    connection += int.from_bytes(payload, 'big')
            elif kind == SETTINGS and not flags:
                window += 65536 - 65535
            elif kind == DATA:
                self.assertEqual(payload, (piece * 2)[got % 256:got % 256 + len(payload)])
                got += len(payload)
                total += 1
                client.credit(len(payload), 0, stream)
                if total % 500 == 0:
                    highest = max(highest, self.server.memory())
        self.assertEqual(got, size * count)
        if not self.server.sanitized():
            self.assertLess(highest - before, 8 << 20)


class Answers(Case):
    def test_the_window_is_kept(self):
        client = self.client(settings=setting(4, 1000))
        stream = client.request('/big?size=5000')
        client.until(lambda event: event[0] == DATA)
        client.ping()
        got = sum(len(event[3]) for event in client.seen if event[0] == DATA)
        self.assertEqual(got, 1000)
        client.credit(4000, stream)
        while got < 5000:
            kind, _, _, payload = client.event()
            got += len(payload) if kind == DATA else 0
        self.assertEqual(client.seen[-1][1], END_STREAM)

    def test_a_streaming_handler_waits_for_the_window(self):
        client = self.client(settings=setting(4, 10))
        stream = client.request('/count?n=100')
        body = b''
        while True:
            kind, flags, _, payload = client.event()
            if kind == DATA:
                self.assertLessEqual(len(payload), 10)
                body += payload
                client.credit(len(payload), *([] if flags & END_STREAM else [stream]))
                if flags & END_STREAM:
                    break
        self.assertEqual(body, b''.join(b'%d\n' % i for i in range(100)))

    def test_pieces_leave_at_once(self):
        client = self.client()
        client.request('/count?n=3&pause=60')
        client.until(lambda event: event[0] == DATA)
        self.assertEqual(client.seen[-1][3], b'0\n', 'the first line, while there is a pause')

    def test_corked_pieces_come_together(self):
        client = self.client()
        stream = client.request('/count?n=100&corked=1')
        client.answer(stream)
        pieces = [event[3] for event in client.seen if event[0] == DATA and event[3]]
        self.assertEqual(len(pieces), 1)

    def test_events_and_heartbeats(self):
        client = self.client()
        stream = client.request('/events?n=2&pause=1')
        self.assertIn(b'id: 1\n', client.answer(stream)[2])
        stream = client.request('/quiet')
        for _ in range(3):
            beat = client.until(lambda event: event[0] == DATA)
            self.assertEqual(beat[3], b':\n\n')

    def test_a_client_that_cancels(self):
        before = self.figures()
        client = self.client()
        stream = client.request('/wait?ms=60000')
        client.ping()
        client.send(frame(RST_STREAM, 0, stream, struct.pack('>I', CANCEL)))
        self.until_figure('cancelled', before['cancelled'] + 1)
        self.until_figure('deferred', before['deferred'] + 1)
        self.assertEqual(client.get()[0], 200)

    def test_a_client_that_goes(self):
        before = self.figures()
        for path in ('/wait?ms=60000', '/events'):
            client = self.client()
            client.request(path)
            client.ping()
            client.socket.close()
            if path != '/events':
                self.until_figure('cancelled', before['cancelled'] + 1)
        self.until_figure('streams', 0)

    def test_a_reset_while_the_answer_waits(self):
        client = self.client(settings=setting(4, 10))
        for path in ('/big?size=100000', '/count?n=1000', '/pieces', '/events'):
            stream = client.request(path, 'POST' if path == '/pieces' else 'GET',
                                    end=path != '/pieces')
            client.ping()
            client.send(frame(RST_STREAM, 0, stream, struct.pack('>I', CANCEL)))
        self.assertEqual(client.request('/count?n=1'), 9)
        client.until(lambda event: event[2] == 9 and event[1] & END_STREAM)

    def test_handlers_that_fail(self):
        client = self.client()
        status, fields, body, _ = client.get('/fail')
        self.assertEqual((status, body), (500, b'Internal Server Error\n'))
        self.assertNotIn('x-half-done', dict(fields))
        status, _, body, error = client.get('/cut')
        self.assertEqual((status, body, error), (200, b'half', INTERNAL_ERROR))
        self.assertEqual(client.get('/nowhere')[0], 404)
        self.assertEqual(client.get('/', method='DELETE')[0], 405)

    def test_plain_connect(self):
        client = self.client()
        block = client.encoder.encode([(':method', 'CONNECT'), (':authority', 'x:1')])
        self.assertEqual(client.answer(client.raw_request(block))[0], 501)


class Priorities(Case):
    def order(self, prepare):
        """The streams in the order in which they end, sent through a window that opens late."""
        client = Client(self.server.port, window=1)
        self.addCleanup(client.socket.close)
        client.until(lambda event: event[0] == SETTINGS and event[1] & ACK)
        used = 0
        first = client.request('/big?size=65534')  # uses the connection's window up, all but two
        while used < 65534:
            event = client.event()
            used += len(event[3]) if event[0] == DATA else 0
        self.assertEqual(first, 1)
        prepare(client)
        client.ping()
        client.credit(1 << 20, 0)
        ends, switches, last = [], 0, None
        while len(ends) < 2:
            event = client.event()
            if event[0] == DATA and event[2] > 1:
                switches += last is not None and last != event[2]
                last = event[2]
                if event[1] & END_STREAM:
                    ends.append(event[2])
        return ends, switches

    def test_the_urgent_one_first(self):
        def prepare(client):
            client.request('/big?size=60001', extra=[('priority', 'u=5')])
            client.request('/big?size=60001', extra=[('priority', 'u=1')])
        self.assertEqual(self.order(prepare)[0], [5, 3])

    def test_what_is_not_incremental_comes_whole(self):
        def prepare(client):
            client.request('/big?size=60001')
            client.request('/big?size=60001')
        ends, switches = self.order(prepare)
        self.assertEqual(ends, [3, 5])
        self.assertLessEqual(switches, 2)

    def test_what_is_incremental_takes_turns(self):
        def prepare(client):
            client.request('/big?size=60001', extra=[('priority', 'i')])
            client.request('/big?size=60001', extra=[('priority', 'i')])
        self.assertGreater(self.order(prepare)[1], 4)

    def test_an_update(self):
        def prepare(client):
            client.request('/big?size=60001', extra=[('priority', 'u=3')])
            client.request('/big?size=60001', extra=[('priority', 'u=3')])
            client.send(frame(PRIORITY_UPDATE, 0, 0, struct.pack('>I', 5) + b'u=0'))
        self.assertEqual(self.order(prepare)[0], [5, 3])

    def test_an_update_before_the_request(self):
        def prepare(client):
            client.send(frame(PRIORITY_UPDATE, 0, 0, struct.pack('>I', 5) + b'u=0'))
            client.request('/big?size=60001')
            client.request('/big?size=60001')
        self.assertEqual(self.order(prepare)[0], [5, 3])


class Ends(Case):
    def test_a_graceful_stop(self):
        server = self.start()
        client = Client(server.port)
        self.addCleanup(client.socket.close)
        slow = client.request('/wait?ms=500')
        client.ping()
        server.process.terminate()  # the program stops its server then
        event = client.until(lambda event: event[0] == GOAWAY)
        self.assertEqual(struct.unpack('>II', event[3][:8]), (0x7fffffff, NO_ERROR))
        late = client.request('/')  # crosses the notice
        self.assertEqual(client.goaway(), (late, NO_ERROR))
        self.assertIsNone(client.until(lambda event: False))
        self.assertEqual({event[2]: event[3] for event in client.seen if event[0] == DATA},
                         {late: b'Hello, world!\n', slow: b'waited\n'})
        server.end()

    def test_an_idle_connection(self):
        server = self.start('--set', 'idle_timeout=200')
        client = Client(server.port)
        self.addCleanup(client.socket.close)
        client.get()
        busy = client.request('/wait?ms=600')
        self.assertEqual(client.answer(busy)[0], 200, 'a request under way is not idle')
        self.assertEqual(client.goaway(), (busy, NO_ERROR))
        self.assertIsNone(client.until(lambda event: False))

    def test_idle_connections_hold_no_fiber_and_little_memory(self):
        count = 100
        clients = [self.client() for _ in range(count)]
        clients[0].get()
        before, memory = self.figures(), self.server.memory()
        for client in clients:
            self.assertEqual(client.get()[0], 200)
            client.ping()
        after = self.figures()
        self.assertLess(after['tasks'], before['tasks'] + 5, 'but for those that ask')
        self.assertGreaterEqual(after['watches'], count)
        if not self.server.sanitized():
            self.assertLess(self.server.memory() - memory, count * 32768)

    def test_pings_keep_nothing_open(self):
        server = self.start('--set', 'idle_timeout=200')
        client = Client(server.port)
        self.addCleanup(client.socket.close)
        ended = False
        for _ in range(200):
            client.send(frame(6, 0, 0, b'12345678'))
            event = client.until(lambda event: event[0] in (GOAWAY, 6))
            ended = ended or event is None or event[0] == GOAWAY
            if ended:
                break
            time.sleep(0.01)
        self.assertTrue(ended)

    def test_a_client_that_says_goodbye(self):
        client = self.client()
        slow = client.request('/wait?ms=100')
        client.send(frame(GOAWAY, 0, 0, struct.pack('>II', 0, NO_ERROR)))
        self.assertEqual(client.answer(slow)[2], b'waited\n')
        self.assertIsNone(client.until(lambda event: False), 'then the server closes')


if __name__ == '__main__':
    main()
