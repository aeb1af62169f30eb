#!/usr/bin/python3
"""WebSockets as python3-websockets speaks them. usage: sockets.py SERVER-PROGRAM"""
import asyncio
import pathlib
import subprocess
import sys
import unittest

try:
    import websockets
    from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
except ImportError:
    print('1..0 # SKIP Debian package python3-websockets is missing')
    sys.exit(0)

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'tools'))
import tap  # noqa: E402

PROGRAM = sys.argv[1]


class Sockets(unittest.IsolatedAsyncioTestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = subprocess.Popen([PROGRAM], stdout=subprocess.PIPE, text=True)
        cls.base = f'ws://127.0.0.1:{int(cls.server.stdout.readline())}'

    @classmethod
    def tearDownClass(cls):
        cls.server.terminate()
        cls.server.wait()
        cls.server.stdout.close()

    def connect(self, path, **options):
        return websockets.connect(self.base + path, max_size=None, **options)

    async def echo(self, path, **options):
        async with self.connect(path, **options) as socket:
            for size in (0, 1, 126, 65536, 500_000):
                text = ('κόσμε {"a": [1, 2]} ' * (size // 10 + 1))[:size]
                await socket.send(text)
                self.assertEqual(await socket.recv(), text)
                await socket.send(text.encode())
                self.assertEqual(await socket.recv(), text.encode())
            return socket.extensions

    async def test_echo_plain(self):
        self.assertEqual(await self.echo('/run', compression=None), [])

    async def test_echo_compressed(self):
        self.assertEqual(len(await self.echo('/run')), 1)

    async def test_echo_with_small_windows(self):
        for path in ('/together', '/windows', '/alone'):
            for bits in (9, 12, 15):
                offer = ClientPerMessageDeflateFactory(
                    server_max_window_bits=bits, client_max_window_bits=bits)
                extensions = await self.echo(path, compression=None, extensions=[offer])
                self.assertEqual(len(extensions), 1, (path, bits))

    async def test_a_message_in_fragments(self):
        async with self.connect('/count') as socket:
            await socket.send(['abc', 'def', 'ghi'])
            self.assertEqual(await socket.recv(), 'text 9')

    async def test_pings(self):
        async with self.connect('/echo') as socket:
            pong = await socket.ping(b'payload')
            await asyncio.wait_for(pong, 20)

    async def test_close_codes(self):
        socket = await self.connect('/echo')
        await socket.close(4321, 'bye')
        self.assertEqual(socket.close_code, 4321)

    async def test_too_large(self):
        async with self.connect('/small', compression=None) as socket:
            await socket.send('x' * 1001)
            with self.assertRaises(websockets.ConnectionClosedError) as raised:
                await socket.recv()
            self.assertEqual(raised.exception.rcvd.code, 1009)

    async def test_subprotocols_and_refusals(self):
        async with self.connect('/state', subprotocols=['v1.weft', 'v2.weft']) as socket:
            self.assertEqual(socket.subprotocol, 'v2.weft')
        with self.assertRaises(websockets.InvalidStatusCode) as raised:
            await self.connect('/origin', origin='https://elsewhere.example')
        self.assertEqual(raised.exception.status_code, 403)


if __name__ == '__main__':
    del sys.argv[1:]
    tap.main()
