#!/usr/bin/env python3
"""weft get against nginx, Node and Python's servers, beside curl. usage: get.py WEFT"""
import gzip
import hashlib
import http.server
import os
import pathlib
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / 'tools'))
import tap  # noqa: E402

WEFT = sys.argv[1]
SIZES = {'empty': 0, 'one': 1, 'page': 70_001, 'large': 20_000_003}

NODE = '''
const http = require('http');
http.createServer((request, response) => {
    if (request.url === '/slow') return;
    if (request.url === '/chunks') {
        let left = 300;
        const next = () => {
            if (left-- === 0) return response.end();
            response.write('x'.repeat(1000), () => setImmediate(next));
        };
        return next();
    }
    const pieces = [];
    request.on('data', (piece) => pieces.push(piece));
    request.on('end', () => response.end(JSON.stringify(
        [request.method, request.headers['content-type'] || '', request.headers['x-mine'] || '',
         Buffer.concat(pieces).toString()])));
}).listen(0, '127.0.0.1', function () { console.log(this.address().port); });
'''


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def wait_for(port):
    for _ in range(200):
        try:
            socket.create_connection(('127.0.0.1', port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError('no server on the port')


class Quiet(http.server.BaseHTTPRequestHandler):
    """Answers that nginx does not give."""
    protocol_version = 'HTTP/1.1'

    def do_GET(self):
        body = b'content ' * 1000
        self.send_response(302 if self.path == '/away' else 200)
        if self.path == '/away':
            self.send_header('location', '/packed')
            body = b''
        elif self.path == '/packed':
            body = gzip.compress(body)
            self.send_header('content-encoding', 'gzip')
        elif self.path == '/cut':
            self.send_header('content-length', '9000')
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = True
            return
        self.send_header('content-length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Get(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix='weft-get-'))
        cls.files = cls.folder / 'files'
        cls.files.mkdir()
        source = random.Random(7)
        for name, size in SIZES.items():
            (cls.files / name).write_bytes(source.randbytes(size))
        cls.start_nginx()
        cls.node = subprocess.Popen(['node', '-e', NODE], stdout=subprocess.PIPE, text=True)
        cls.node_url = f'http://127.0.0.1:{int(cls.node.stdout.readline())}'
        cls.python = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Quiet)
        threading.Thread(target=cls.python.serve_forever, daemon=True).start()
        cls.python_url = f'http://127.0.0.1:{cls.python.server_address[1]}'

    @classmethod
    def start_nginx(cls):
        port = free_port()
        cls.files.chmod(0o755)
        cls.folder.chmod(0o755)
        (cls.folder / 'nginx.conf').write_text(f'''
            worker_processes 1; daemon off; pid {cls.folder}/pid; error_log stderr crit;
            events {{}}
            http {{
                access_log off;
                client_body_temp_path {cls.folder}/a; proxy_temp_path {cls.folder}/b;
                fastcgi_temp_path {cls.folder}/c; uwsgi_temp_path {cls.folder}/d;
                scgi_temp_path {cls.folder}/e;
                server {{ listen 127.0.0.1:{port}; root {cls.files};
                          keepalive_requests 3; }}
            }}''')
        cls.nginx = subprocess.Popen(['nginx', '-c', str(cls.folder / 'nginx.conf'),
                                      '-p', str(cls.folder), '-e', 'stderr'])
        wait_for(port)
        cls.nginx_url = f'http://127.0.0.1:{port}'

    @classmethod
    def tearDownClass(cls):
        cls.nginx.terminate()
        cls.node.terminate()
        cls.nginx.wait()
        cls.node.wait()
        cls.node.stdout.close()
        cls.python.shutdown()
        cls.python.server_close()
        shutil.rmtree(cls.folder)

    def get(self, *arguments, status=0, **options):
        environment = {name: value for name, value in os.environ.items()
                       if 'proxy' not in name.lower()}
        done = subprocess.run([WEFT, 'get', *arguments], capture_output=True, timeout=60,
                              env=environment, check=False, **options)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def test_files_as_curl_has_them(self):
        for name in SIZES:
            url = f'{self.nginx_url}/{name}'
            curl = subprocess.run(['curl', '-sS', '--noproxy', '*', url], capture_output=True,
                                  check=True).stdout
            ours = self.get(url).stdout
            self.assertEqual(hashlib.sha256(ours).digest(), hashlib.sha256(curl).digest(), name)

    def test_many_at_once(self):
        folder = self.folder / 'many'
        urls = [f'{self.nginx_url}/page?{i}' for i in range(30)]
        urls += [f'{self.nginx_url}/{name}' for name in SIZES]
        self.get('-o', str(folder), '-Z', '4', *urls)
        for name in SIZES:
            self.assertEqual((folder / name).read_bytes(), (self.files / name).read_bytes(), name)

    def test_continue(self):
        part = self.folder / 'part'
        whole = (self.files / 'large').read_bytes()
        part.write_bytes(whole[:7_000_001])
        self.get('-C', '-o', str(part), f'{self.nginx_url}/large')
        self.assertEqual(part.read_bytes(), whole)
        self.get('-C', '-o', str(part), f'{self.nginx_url}/large')
        self.assertEqual(part.read_bytes(), whole)

    def test_data(self):
        done = self.get('-d', 'a=b', '-H', 'x-mine: yes', f'{self.node_url}/')
        self.assertEqual(done.stdout.decode(),
                         '["POST","application/x-www-form-urlencoded","yes","a=b"]')
        done = self.get('-X', 'PUT', '-d', '@-', '-H', 'Content-Type: text/x', f'{self.node_url}/',
                        input=b'from there')
        self.assertEqual(done.stdout.decode(), '["PUT","text/x","","from there"]')

    def test_chunks(self):
        self.assertEqual(self.get(f'{self.node_url}/chunks').stdout, b'x' * 300_000)

    def test_redirect_and_compression(self):
        self.assertEqual(self.get(f'{self.python_url}/away').stdout, b'')
        self.assertEqual(self.get('-L', f'{self.python_url}/away').stdout, b'content ' * 1000)

    def test_head(self):
        done = self.get('-i', f'{self.python_url}/x')
        self.assertTrue(done.stdout.startswith(b'HTTP/1.1 200 OK\r\n'))
        self.assertIn(b'\r\n\r\ncontent ', done.stdout)

    def test_failures(self):
        self.assertEqual(self.get(f'{self.nginx_url}/none').stdout[:6], b'<html>')
        done = self.get('-f', f'{self.nginx_url}/none', status=22)
        self.assertEqual(done.stdout, b'')
        self.assertIn(b'404', done.stderr)
        done = self.get('-m', '0.2', f'{self.node_url}/slow', status=28)
        self.assertIn(b'timeout', done.stderr)
        done = self.get('--retry', '0', f'http://127.0.0.1:{free_port()}/', status=1)
        self.assertIn(b'is the server running', done.stderr)
        done = self.get(f'{self.python_url}/cut', status=1)
        self.assertIn(b'cut short after 8000 bytes', done.stderr)
        self.get(status=2)
        self.get('-Z', 'many', 'http://127.0.0.1/', status=2)


if __name__ == '__main__':
    for program in ('nginx', 'node', 'curl'):
        if not shutil.which(program):
            print(f'1..0 # SKIP {program} is not installed')
            sys.exit(0)
    del sys.argv[1:]
    tap.main()
