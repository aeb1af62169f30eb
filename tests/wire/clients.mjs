/* Clients that others wrote: curl and Node's http. Started with the server program's path. */
import { execFile, spawn } from 'node:child_process';
import http from 'node:http';
import { once } from 'node:events';
import { writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

let count = 0;
let failed = 0;

function ok(condition, name, detail = '') {
    count++;
    failed += condition ? 0 : 1;
    console.log(`${condition ? '' : 'not '}ok ${count} - ${name}`);
    if (!condition && detail) {
        console.log(`#   ${String(detail).slice(0, 300).replace(/\n/g, ' ')}`);
    }
}

const program = spawn(process.argv[2], { stdio: ['ignore', 'pipe', 'inherit'] });
const [line] = await once(createInterface({ input: program.stdout }), 'line');
const port = Number(line);
const base = `http://127.0.0.1:${port}`;
const scratch = mkdtempSync(join(tmpdir(), 'weft-clients-'));
setTimeout(() => {
    console.log('Bail out! out of time');
    program.kill('SIGKILL');
    process.exit(1);
}, 60000).unref();

function curl(...args) {
    return new Promise((resolve) => {
        execFile('curl', ['-sS', '--max-time', '20', ...args], { maxBuffer: 1 << 24 },
                 (error, stdout, stderr) => resolve({ error, stdout, stderr }));
    });
}

async function withCurl() {
    const probe = await curl('--version');
    if (probe.error) {
        console.log(`ok ${++count} - # SKIP curl is not installed`);
        return;
    }
    let got = await curl('-i', `${base}/`);
    ok(got.stdout.startsWith('HTTP/1.1 200 OK\r\n') && got.stdout.endsWith('Hello, world!\n'),
       'curl: a page', got.stdout + got.stderr);
    got = await curl('-v', `${base}/`, `${base}/?name=two`);
    ok(/Re-using existing connection/.test(got.stderr) && got.stdout.includes('Hello, two!'),
       'curl: two pages on one connection', got.stderr);
    got = await curl('-I', `${base}/`);
    ok(/content-length: 14/.test(got.stdout) && !/Hello/.test(got.stdout), 'curl: HEAD',
       got.stdout);
    got = await curl('--http1.0', '-i', `${base}/count?n=4`);
    ok(got.stdout.endsWith('\r\n\r\n0\n1\n2\n3\n'), 'curl: HTTP/1.0', got.stdout);

    const file = join(scratch, 'upload');
    const content = 'weft '.repeat(150000);
    writeFileSync(file, content);
    got = await curl('--data-binary', `@${file}`, `${base}/echo`);
    ok(got.stdout === content, 'curl: an upload with a length', got.stderr);
    got = await curl('-H', 'Transfer-Encoding: chunked', '--data-binary', `@${file}`,
                     `${base}/echo`);
    ok(got.stdout === content, 'curl: a chunked upload', got.stderr);
    got = await curl('-v', '-H', 'Expect: 100-continue', '--data-binary', `@${file}`,
                     `${base}/echo`);
    ok(got.stderr.includes('< HTTP/1.1 100 Continue') && got.stdout === content,
       'curl: Expect: 100-continue', got.stderr);
    writeFileSync(file, 'x'.repeat((1 << 20) + 1));
    got = await curl('-w', '%{http_code}', '-H', 'Expect:', '--data-binary', `@${file}`,
                     `${base}/echo`);
    ok(got.stdout.endsWith('413') && /larger|limit/.test(got.stdout),
       'curl: a body above the limit is told so', got.stdout + got.stderr);
    got = await curl('-N', `${base}/events?n=3&pause=1`);
    ok(got.stdout.split('\n\n').length === 4 && got.stdout.startsWith('event: tick\nid: 0\n'),
       'curl: events', got.stdout);
    got = await curl(`${base}/cut`);
    ok(got.error?.code === 18, 'curl: a body that is cut short is an error', got.stderr);
}

function request(agent, options, body) {
    return new Promise((resolve, reject) => {
        const sent = http.request({ host: '127.0.0.1', port, agent, ...options }, (answer) => {
            const chunks = [];
            answer.on('data', (chunk) => chunks.push(chunk));
            answer.on('error', reject);
            answer.on('end', () => resolve({
                status: answer.statusCode,
                headers: answer.headers,
                body: Buffer.concat(chunks).toString(),
                reused: sent.reusedSocket,
            }));
        });
        sent.on('error', reject);
        for (const piece of body ?? []) {
            sent.write(piece);
        }
        sent.end();
    });
}

async function withNode() {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const first = await request(agent, { path: '/' });
    const second = await request(agent, { path: '/?name=node' });
    ok(first.status === 200 && second.body === 'Hello, node!\n' && second.reused,
       'Node: two requests on one connection');
    ok(!Number.isNaN(Date.parse(first.headers.date)), 'Node: the date can be read',
       first.headers.date);
    const echo = await request(agent, { path: '/echo', method: 'POST' },
                               ['one ', 'two ', 'three']);
    ok(echo.body === 'one two three', 'Node: a chunked upload', echo.body);
    const pieces = await request(agent, { path: '/pieces', method: 'POST' },
                                 Array.from({ length: 200 }, (_, i) => `${i},`.repeat(100)));
    ok(pieces.body.length === Array.from({ length: 200 }, (_, i) => `${i},`.length * 100)
        .reduce((a, b) => a + b), 'Node: an upload that is streamed back', pieces.body.length);
    const cut = await request(agent, { path: '/cut' }).then(() => null, (error) => error);
    ok(cut?.code === 'ECONNRESET', 'Node: a body that is cut short is an error', cut);
    agent.destroy();

    const many = new http.Agent({ keepAlive: true, maxSockets: 50 });
    const answers = await Promise.all(Array.from({ length: 1000 }, (_, i) =>
        request(many, { path: `/?name=${i}` })));
    ok(answers.every((answer, i) => answer.body === `Hello, ${i}!\n`),
       'Node: a thousand requests over fifty connections');
    many.destroy();

    /* Each event can be read when it is sent, not when there are enough. */
    const times = [];
    await new Promise((resolve) => {
        http.get(`${base}/events?n=4&pause=60`, (answer) => {
            answer.on('data', () => times.push(performance.now()));
            answer.on('end', resolve);
        });
    });
    ok(times.length >= 4 && times[3] - times[0] > 120, 'Node: events come one at a time', times);
}

try {
    await withCurl();
    await withNode();
} catch (error) {
    ok(false, 'the clients ran to their end', error?.stack);
}
program.kill('SIGKILL');
await once(program, 'exit');
rmSync(scratch, { recursive: true });
console.log(`1..${count}`);
process.exit(failed ? 1 : 0);
