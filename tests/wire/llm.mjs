/*
 * The LLM example outside Weft, as an ordinary program, against providers that behave in every way
 * the format allows, and some that it does not. Started with the program's path.
 */
import { execFile } from 'node:child_process';
import http from 'node:http';
import { once } from 'node:events';

let count = 0;
let failed = 0;
let answer = () => {};
let seen = null;

function ok(condition, name, detail = '') {
    count++;
    failed += condition ? 0 : 1;
    console.log(`${condition ? '' : 'not '}ok ${count} - ${name}`);
    if (!condition) {
        console.log(`#   ${JSON.stringify(detail).slice(0, 300)}`);
    }
}

const provider = http.createServer((request, response) => {
    const body = [];
    request.on('data', (piece) => body.push(piece));
    request.on('end', () => {
        seen = { url: request.url, headers: request.headers, body: Buffer.concat(body).toString() };
        answer(response);
    });
});
provider.listen(0, '127.0.0.1');
await once(provider, 'listening');
const base = `http://127.0.0.1:${provider.address().port}/v1`;

function ask(url = base) {
    return new Promise((resolve) => {
        execFile(process.argv[2], ['Why?'], {
            timeout: 20000,
            env: { ...process.env, OPENAI_BASE_URL: url, OPENAI_API_KEY: 'key', OPENAI_MODEL: 'm' },
        }, (error, stdout, stderr) => resolve({ code: error ? error.code : 0, stdout, stderr }));
    });
}

const delta = (text) => `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: text },
                                                              finish_reason: null }] })}\n\n`;
const FINISH = `data: ${JSON.stringify({ choices: [{ index: 0, delta: {},
                                                     finish_reason: 'stop' }] })}\n\n`;
const USAGE = 'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\n';
const DONE = 'data: [DONE]\n\n';
const TEXT = 'Näive “quotes” \\ and\nlines';
const WHOLE = delta('') + delta('Näive ') + delta('“quotes” \\') + delta(' and\nlines') + FINISH +
    USAGE + DONE;

function stream(bytes, end = 'end') {
    return (response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(bytes);
        setTimeout(() => end === 'end' ? response.end() : response.destroy(), 5);
    };
}

function byteByByte(bytes) {
    return async (response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.socket.setNoDelay(true);
        for (const byte of Buffer.from(bytes)) {
            response.write(Buffer.from([byte]));
            await new Promise(setImmediate);
        }
        response.end();
    };
}

async function answered(bytes, name) {
    answer = typeof bytes === 'function' ? bytes : stream(bytes);
    const got = await ask();
    ok(got.code === 0 && got.stdout === `${TEXT}\n`, name, got);
}

async function refused(behaviour, pattern, name) {
    answer = behaviour;
    const got = await ask();
    ok(got.code === 1 && pattern.test(got.stderr), name, got);
}

function status(code, body) {
    return (response) => {
        response.writeHead(code, { 'content-type': 'application/json' });
        response.end(body);
    };
}

await answered(WHOLE, 'an answer');
const sent = JSON.parse(seen.body);
ok(seen.url === '/v1/chat/completions' && seen.headers.authorization === 'Bearer key' &&
   sent.stream === true && sent.model === 'm' && sent.messages[0].content === 'Why?',
   'the request', seen);
await answered(byteByByte(WHOLE), 'cut at each byte');
await answered(WHOLE.replaceAll('\n\n', '\r\n\r\n'), 'lines that end with CR LF');
await answered(byteByByte(WHOLE.replaceAll('\n\n', '\r\n\r\n')), 'the same cut at each byte');
await answered(WHOLE.replaceAll('\n\n', '\r\r'), 'lines that end with CR');
await answered(`\ufeff: hello\n\nretry: 10\nevent: x\n${WHOLE}`, 'comments and other fields');
await answered(WHOLE.replaceAll('data: ', 'data:'), 'no blank behind the colon');
await answered(WHOLE.replace(DONE, ''), 'a finish reason without [DONE]');
await refused(stream(delta('half')), /ended before it was complete/, 'an answer that ends early');
await refused(stream(delta('half'), 'destroy'), /./, 'a connection that breaks');
await refused(stream(`${delta('a')}data: {"choices":\n\n`), /malformed JSON/, 'malformed JSON');
await refused(stream(`data: ${'['.repeat(5000)}\n\n`), /malformed JSON/, 'JSON that is too deep');
await refused(stream('data: {"error":{"message":"overloaded","type":"x"}}\n\n'), /overloaded/,
              'an error in the stream');
await refused(stream('data: {"object":"error","message":"no such model"}\n\n'), /no such model/,
              'an error in another shape');
await refused(status(401, '{"error":{"message":"Incorrect API key","code":"invalid_api_key"}}'),
              /Incorrect API key \(HTTP 401\)/, 'a refused key');
await refused(status(429, '{"error":"slow down"}'), /slow down \(HTTP 429\)/, 'an error as text');
await refused(status(502, '<html>Bad Gateway</html>'), /HTTP 502.*Bad Gateway/,
              'an error that is no JSON');
await refused(status(500, ''), /HTTP 500/, 'an error without a body');
const nobody = await ask('http://127.0.0.1:1/v1');
ok(nobody.code === 1 && /connect/i.test(nobody.stderr), 'nobody listens', nobody);

provider.close();
provider.closeAllConnections();
console.log(`1..${count}`);
process.exit(failed ? 1 : 0);
