/* HTTP/2 as Node's, curl's and nghttp2's clients speak it, in clear and over TLS. */
import { execFile, execFileSync } from 'node:child_process';
import http2 from 'node:http2';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes, createHash } from 'node:crypto';
import { is, ok, start, stop, test, until } from './tap.mjs';

const [, , program, socketsProgram] = process.argv;
const folder = mkdtempSync(join(tmpdir(), 'weft-h2-'));
const at = (name) => join(folder, name);
const digest = (bytes) => createHash('sha256').update(bytes).digest('hex');

execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt',
                         'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj',
                         '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1',
                         '-keyout', at('key.pem'), '-out', at('certificate.pem')],
             { stdio: 'ignore' });

function run(command, ...args) {
    return new Promise((resolve) => {
        execFile(command, args, { encoding: 'buffer', maxBuffer: 1 << 28 },
                 (error, stdout, stderr) => resolve({ code: error ? error.code : 0, stdout,
                                                      stderr: String(stderr) }));
    });
}

/* A request of Node's client: status, headers, body, the reset's code. */
function ask(session, headers, body) {
    return new Promise((resolve, reject) => {
        const stream = session.request(headers, { endStream: body === undefined });
        const answer = { status: 0, headers: {}, interim: [] };
        const chunks = [];
        stream.on('continue', () => answer.interim.push(100));
        stream.on('response', (fields) => {
            answer.status = fields[':status'];
            answer.headers = fields;
        });
        stream.on('data', (chunk) => chunks.push(chunk));
        stream.on('error', (error) => { answer.error = error; });
        stream.on('close', () => resolve({ ...answer, code: stream.rstCode,
                                           body: Buffer.concat(chunks) }));
        setTimeout(() => reject(new Error(`no answer to ${headers[':path']}`)), 30_000).unref();
        if (headers.expect) stream.once('continue', () => stream.end(body));
        else if (body !== undefined) stream.end(body);
    });
}

async function node(address, options, scheme) {
    const session = http2.connect(`${scheme}://localhost:${address}`, options);
    session.on('error', () => {});
    const page = await ask(session, { ':path': '/?name=node' });
    is(String(page.body), 'Hello, node!\n', `${scheme}: a page`);
    is(page.headers['content-length'], '13', `${scheme}: with its length`);
    const show = await ask(session, { ':path': '/show?a=b', cookie: ['x=1', 'y=2'] });
    ok(String(show.body).includes(`authority=localhost:${address}\n`), `${scheme}: the authority`);
    ok(String(show.body).includes('cookie=x=1; y=2\n'), `${scheme}: cookies are one field`);
    const client = await ask(session, { ':path': '/client' });
    is(String(client.body), `${scheme} (nobody)\n`, `${scheme}: the scheme`);

    const large = randomBytes(3_000_000);
    const echo = await ask(session, { ':path': '/pieces', ':method': 'POST' }, large);
    is(digest(echo.body), digest(large), `${scheme}: three million bytes both ways`);
    const many = await Promise.all([...Array(400).keys()].map(
        (i) => ask(session, { ':path': `/?name=${i}` })));
    ok(many.every((answer, i) => String(answer.body) === `Hello, ${i}!\n`),
       `${scheme}: 400 requests, as many at once as the server allows`);

    const late = await ask(session, { ':path': '/echo', ':method': 'POST',
                                      expect: '100-continue' }, 'after 100');
    is(late.interim[0], 100, `${scheme}: 100 before the body is read`);
    is(String(late.body), 'after 100', `${scheme}: and then the body`);
    is((await ask(session, { ':path': '/fail' })).status, 500, `${scheme}: a handler's failure`);
    is((await ask(session, { ':path': '/cut' })).code, http2.constants.NGHTTP2_INTERNAL_ERROR,
       `${scheme}: a body that breaks off`);
    const head = await ask(session, { ':path': '/big?size=77', ':method': 'HEAD' });
    is(`${head.headers['content-length']} ${head.body.length}`, '77 0', `${scheme}: HEAD`);
    await new Promise((resolve) => session.close(resolve));
    ok(true, `${scheme}: the connection ends`);
}

async function trailers(address) {
    const session = http2.connect(`http://localhost:${address}`);
    const stream = session.request({ ':path': '/echo', ':method': 'POST' },
                                   { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '1' }));
    stream.end('with trailers');
    let body = '';
    for await (const chunk of stream) body += chunk;
    is(body, 'with trailers', 'trailers of a request');
    session.close();
}

async function streaming(address) {
    const session = http2.connect(`http://localhost:${address}`);
    const stream = session.request({ ':path': '/events?pause=5' });
    let text = '';
    for await (const chunk of stream) {
        text += chunk;
        if (text.includes('id: 3\n')) break; /* which resets the stream */
    }
    const gone = await until(async () => {
        const figures = String((await ask(session, { ':path': '/figures' })).body);
        return figures.includes('streams=0');
    });
    ok(gone, 'an event stream ends when its reader has gone');
    session.close();
}

async function curl(address, url, more) {
    const large = randomBytes(5_000_000);
    writeFileSync(at('large'), large);
    const page = await run('curl', '-sS', ...more, '-w', '%{http_version}', `${url}/`);
    is(String(page.stdout), 'Hello, world!\n2', `curl ${more[0]}: a page by HTTP/2`);
    const echo = await run('curl', '-sS', ...more, '-T', at('large'), '-X', 'POST', `${url}/pieces`);
    is(digest(echo.stdout), digest(large), `curl ${more[0]}: five million bytes both ways`);
    if (!url.startsWith('https')) return; /* curl 7.88 fails to share one in clear, with any server */
    const both = await run('curl', '-sS', ...more, '-Z', '--parallel-max', '20',
                           `${url}/wait?ms=[10-49]`);
    is(String(both.stdout), 'waited\n'.repeat(40), `curl ${more[0]}: forty at a time`);
}

async function nghttp(url, path) {
    const got = await run('nghttp', '-nv', '--no-verify-peer', ...Array(5).fill(`${url}${path}`));
    is(got.code, 0, `nghttp: ${url}`);
    ok(String(got.stdout).includes(':status: 200'), 'nghttp: the answers', String(got.stdout));
    ok(!String(got.stdout).includes('recv RST_STREAM'), 'nghttp: no resets');
    const load = await run('h2load', '-n', '20000', '-c', '10', '-m', '100', `${url}/`);
    ok(String(load.stdout).includes('20000 succeeded, 0 failed'), 'h2load: twenty thousand',
       String(load.stdout));
    const big = await run('h2load', '-n', '300', '-c', '3', '-m', '100', `${url}/big?size=300000`);
    ok(String(big.stdout).includes('300 succeeded, 0 failed'), 'h2load: large answers',
       String(big.stdout));
}

/* A WebSocket through Node's extended CONNECT: one masked text, its echo. */
async function websocket() {
    const server = await start(socketsProgram, []);
    const session = http2.connect(`http://localhost:${server.address}`);
    await new Promise((resolve) => session.once('remoteSettings', resolve));
    ok(session.remoteSettings.enableConnectProtocol, 'the server offers extended CONNECT');
    const stream = session.request({ ':method': 'CONNECT', ':protocol': 'websocket',
                                     ':path': '/echo', 'sec-websocket-version': '13' });
    stream.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69])); /* "hi", its mask is zero */
    const chunk = await new Promise((resolve) => stream.once('data', resolve));
    is(chunk.toString('hex'), '81026869', 'an echo over a stream of HTTP/2');
    stream.close();
    session.close();
    is(await stop(server), 0, 'the server ends');
}

async function oneOnly() {
    const server = await start(program, ['--http1', '--certificate', at('certificate.pem'), '--key',
                                         at('key.pem'), '--plain']);
    const url = `https://localhost:${server.address}`;
    const page = await run('curl', '-sS', '--http2', '-k', '-w', '%{http_version}', `${url}/`);
    is(String(page.stdout), 'Hello, world!\n1.1', 'http1_only: HTTP/1.1 by ALPN');
    const clear = await run('curl', '-sS', '--http2-prior-knowledge',
                            `http://localhost:${server.address}/`);
    ok(clear.code !== 0, 'http1_only: no prior knowledge');
    await stop(server);
}

await test(110, async () => {
    const clear = await start(program, []);
    await node(clear.address, {}, 'http');
    await trailers(clear.address);
    await streaming(clear.address);
    await curl(clear.address, `http://localhost:${clear.address}`, ['--http2-prior-knowledge']);
    await nghttp(`http://localhost:${clear.address}`, '/count?n=100');
    is(await stop(clear), 0, 'the server ends');

    const secure = await start(program, ['--certificate', at('certificate.pem'), '--key',
                                         at('key.pem')]);
    await node(secure.address, { ca: readFileSync(at('certificate.pem')) }, 'https');
    await curl(secure.address, `https://localhost:${secure.address}`, ['--http2', '-k']);
    await nghttp(`https://localhost:${secure.address}`, '/count?n=100');
    const old = await run('curl', '-sS', '--http1.1', '-k', '-w', '%{http_version}',
                          `https://localhost:${secure.address}/`);
    is(String(old.stdout), 'Hello, world!\n1.1', 'HTTP/1.1 for those who ask for it');
    is(await stop(secure), 0, 'the server with TLS ends');

    await oneOnly();
    if (socketsProgram) await websocket();
    rmSync(folder, { recursive: true });
});
