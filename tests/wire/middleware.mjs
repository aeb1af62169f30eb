/* Middleware before clients that others wrote: curl, Node, Python, and the compressors' own tools. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import zlib from 'node:zlib';
import { is, ok, skipAll, start, test, until } from './tap.mjs';

const program = process.argv[2];
const withTls = process.argv.includes('tls');
const folder = mkdtempSync(join(tmpdir(), 'weft-middleware-'));
const log = join(folder, 'access.log');

function has(tool) {
    return spawnSync(tool, ['--version']).status === 0;
}

let protocol = []; // of curl: HTTP/1.1, or HTTP/2 by prior knowledge

function curl(...args) {
    const got = spawnSync('curl', ['-sS', '--max-time', '20', ...protocol, ...args],
                          { maxBuffer: 1 << 26 });
    return { status: got.status, out: got.stdout, text: got.stdout.toString(),
             error: got.stderr.toString() };
}

const decoders = {
    gzip: ['gzip', '-dc'],
    br: ['brotli', '-dc'],
    zstd: ['zstd', '-dc'],
};

function compression(base) {
    const plain = curl(`${base}/prose`).out;
    is(plain.length, 300000, 'the text as it is');
    for (const [coding, [tool, flag]] of Object.entries(decoders)) {
        if (!has(tool)) {
            ok(true, `${coding} # SKIP ${tool} is not installed`);
            continue;
        }
        const packed = curl('-H', `Accept-Encoding: ${coding}`, `${base}/prose`).out;
        const got = spawnSync(tool, [flag], { input: packed, maxBuffer: 1 << 26 });
        ok(got.status === 0 && got.stdout.equals(plain) && packed.length < 200000,
           `${tool} gives the text back, from ${packed.length} bytes`, got.stderr.toString());
        const decoded = curl('--compressed', '-D', '-', '-o', join(folder, 'out'), '-H',
                             `Accept-Encoding: ${coding}`, `${base}/prose`);
        ok(decoded.text.includes(`content-encoding: ${coding}`) &&
           readFileSync(join(folder, 'out')).equals(plain), `curl --compressed: ${coding}`,
           decoded.text + decoded.error);
    }
    const all = curl('--compressed', '-i', `${base}/prose`);
    ok(all.text.includes('content-encoding: zstd') && all.text.includes('vary: accept-encoding'),
       'curl --compressed: zstd of all it takes', all.text.slice(0, 400));
    return plain.toString();
}

async function fetches(base, plain) {
    for (const coding of ['gzip', 'br']) {
        const response = await fetch(`${base}/prose`, { headers: { 'accept-encoding': coding } });
        is(response.headers.get('content-encoding'), coding, `fetch: ${coding}`);
        ok(await response.text() === plain, 'and the text');
    }
    const counted = await fetch(`${base}/count?n=500`, { headers: { 'accept-encoding': 'br' } });
    ok((await counted.text()).endsWith('\n499\n'), 'fetch: many small writes');
}

function python(base) {
    const script = `
import gzip, sys, urllib.request
request = urllib.request.Request(sys.argv[1], headers={'Accept-Encoding': 'gzip'})
answer = urllib.request.urlopen(request, timeout=20)
text = gzip.decompress(answer.read())
print(answer.headers['content-encoding'], len(text))`;
    const got = spawnSync('python3', ['-c', script, `${base}/prose`]);
    is(got.stdout.toString().trim(), 'gzip 300000', 'Python reads gzip, checksum and all');
}

/* Each event arrives before the next is made, for each coding. */
async function events(base) {
    const inflaters = { gzip: zlib.createGunzip, br: zlib.createBrotliDecompress };
    for (const [coding, make] of Object.entries(inflaters)) {
        const seen = await new Promise((resolve, reject) => {
            const request = http.get(`${base}/events?n=-1&pause=20`,
                                     { headers: { 'accept-encoding': coding } }, (response) => {
                let text = '';
                response.pipe(make()).on('data', (chunk) => {
                    text += chunk;
                    if (text.includes('tick 3')) {
                        request.destroy();
                        resolve(text);
                    }
                }).on('error', reject);
            });
            request.on('error', () => {});
        });
        ok(seen.startsWith('event: tick') || seen.startsWith('id: 0'), `events through ${coding}`,
           seen.slice(0, 200));
    }
}

function sum(bytes) {
    let state = 0;
    for (const byte of bytes) state = (Math.imul(state, 31) + byte) >>> 0;
    return state;
}

const line = (name, filename, type, bytes) =>
    `${name} ${filename} ${type} ${bytes.length} ${sum(bytes)}\n`;

/* The same once more, where the server was built with it. */
function overHttp2(what) {
    if (process.argv.includes('http2')) {
        protocol = ['--http2-prior-knowledge'];
        what();
        protocol = [];
    }
}

function curlForms(base, file, content) {
    const got = curl('-F', 'a=1', '-F', `f=@${file};type=x/y;filename=my "file".bin`,
                     `${base}/upload`);
    is(got.text, line('a', '-', '-', Buffer.from('1')) +
       line('f', 'my %22file%22.bin', 'x/y', content), 'curl -F: a field and a file');
    is(curl('--data-urlencode', 'a=b &c=d+%', '-d', 'x=%41', `${base}/upload`).text,
       line('a', '-', '-', Buffer.from('b &c=d+%')) + line('x', '-', '-', Buffer.from('A')),
       'curl -d: urlencoded');
}

async function forms(base) {
    const file = join(folder, 'file');
    const content = Buffer.alloc(5000000);
    for (let i = 0; i < content.length; i++) content[i] = (i * i) >>> 3;
    content.write('\r\n--x\r\n--', 1000);
    writeFileSync(file, content);
    curlForms(base, file, content);
    overHttp2(() => curlForms(base, file, content));
    const form = new FormData();
    form.append('name', 'grün\r\n');
    form.append('file', new Blob([content], { type: 'text/x' }), 'b.txt');
    const posted = await fetch(`${base}/upload`, { method: 'POST', body: form });
    is(await posted.text(), line('name', '-', '-', Buffer.from('grün\r\n')) +
       line('file', 'b.txt', 'text/x', content), 'fetch with FormData');
}

function others(base) {
    const jar = join(folder, 'jar');
    ok(curl('-c', jar, `${base}/who`).text.endsWith(' http -\n') &&
       curl('-b', jar, `${base}/who`).text.endsWith(' http 1\n'), 'curl keeps a cookie');
    const page = curl(`${base}/metrics`).text;
    ok(page.includes('weft_http_requests_total{method="GET",code="2xx",route="/prose"}'),
       'figures', page);
}

async function logs() {
    const text = await until(() => {
        const now = readFileSync(log, 'utf8');
        return now.includes('"GET /metrics HTTP/1.1" 200') && now;
    });
    ok(text, 'the log is written');
    overHttp2(() => ok(/ HTTP\/2(\.0)?" 200 /.test(text), 'with the version of HTTP', text));
    const lines = (text ?? '').trimEnd().split('\n');
    ok(lines.every((line) => /^127\.0\.0\.1 - - \[\d\d\/\w{3}\/\d{4}:\d\d:\d\d:\d\d \+0000\] "[A-Z]+ \/\S* HTTP\/(?:1\.1|2(?:\.0)?)" \d{3} \d+ "[^"]*" "[^"]*"$/.test(line)),
       'each line is in the combined form', lines.find((line) => !line.startsWith('127')));
}

async function onePort() {
    const pem = join(folder, 'both.pem');
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt',
                             'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj',
                             '/CN=localhost', '-keyout', join(folder, 'key.pem'), '-out',
                             join(folder, 'cert.pem')], { stdio: 'ignore' });
    writeFileSync(pem, readFileSync(join(folder, 'cert.pem')) +
                       readFileSync(join(folder, 'key.pem')));
    const server = await start(program, [log, pem], { WEFT_TEST_PROXY: '1' });
    const at = `127.0.0.1:${server.address}`;
    for (const scheme of ['http', 'https']) {
        const got = curl('-k', '--haproxy-protocol', `${scheme}://${at}/who`);
        ok(new RegExp(`^127\\.0\\.0\\.1:\\d+ ${scheme} -\n$`).test(got.text),
           `curl --haproxy-protocol: ${scheme}`, got.text + got.error);
        overHttp2(() => {
            const second = curl('-k', '--haproxy-protocol', `${scheme}://${at}/who`);
            ok(second.text === got.text.replace(/:\d+/, second.text.match(/:\d+/)?.[0]),
               `and HTTP/2: ${scheme}`, second.text + second.error);
        });
        ok(curl('-k', `${scheme}://${at}/who`).status !== 0, `${scheme} without the header is closed`);
    }
    server.child.kill('SIGTERM');
}

if (!has('curl')) skipAll('curl is not installed');
await test(100, async () => {
    const server = await start(program, [log]);
    const base = `http://127.0.0.1:${server.address}`;
    const plain = compression(base);
    overHttp2(() => is(compression(base), plain, 'HTTP/2: the same text'));
    await fetches(base, plain);
    python(base);
    await events(base);
    await forms(base);
    overHttp2(() => others(base));
    others(base);
    await logs();
    server.child.kill('SIGTERM');
    if (withTls) await onePort();
    rmSync(folder, { recursive: true });
});
