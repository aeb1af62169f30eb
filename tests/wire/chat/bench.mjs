/* `weft bench conversations` against the running chat: it counts what there is to count. */
import { execFile } from 'node:child_process';
import http from 'node:http';
import { once } from 'node:events';
import { is, ok, start, stop, test } from '../tap.mjs';

const [CHAT, SIMULATOR, WEFT] = process.argv.slice(2);
const FIRST = 150;

function bench(...args) {
    return new Promise((resolve) => {
        execFile(WEFT, ['bench', 'conversations', ...args], { timeout: 60_000 },
                 (error, stdout, stderr) => resolve({ code: error?.code ?? 0, stdout, stderr }));
    });
}

async function measures(chat) {
    const { code, stdout } = await bench('-n', '60', '--url', chat.address, '--rate', '0',
                                         '--tokens', '20', '--pool', '10', '--json');
    is(code, 0, 'a load on the chat');
    const { runs: [fibers, pool] } = JSON.parse(stdout);
    for (const run of [fibers, pool]) {
        is(run.conversations, 60, `${run.name}: all came`);
        is(run.failed, 0, `${run.name}: all were answered`);
        is(run.tokens, 1200, `${run.name}: every token was counted`);
        const { min, p50, p90, p99, max } = run.first_token_ms;
        ok(FIRST <= min && min <= p50 && p50 <= p90 && p90 <= p99 && p99 <= max,
           `${run.name}: the distribution is one`, run.first_token_ms);
        is(run.server.threads, 1, `${run.name}: one thread served them`);
    }
    /* Six rounds through ten slots: nobody of the last round can have begun before the fifth ended,
       and a round takes its first token and nineteen more at 200 a second. */
    const round = FIRST + 19 * 5;
    ok(pool.first_token_ms.max >= 5 * round + FIRST - 10, 'the last visitor of a pool waits',
       pool.first_token_ms);
    ok(fibers.first_token_ms.max < pool.first_token_ms.max, 'and waits for nobody without it',
       [fibers.first_token_ms, pool.first_token_ms]);
}

async function shows(chat) {
    const { code, stdout } = await bench('-n', '30', '--url', chat.address, '--rate', '1000',
                                         '--tokens', '5', '--pool', '25');
    is(code, 0, 'a table is printed');
    for (const words of ['a fiber each', 'a pool of 25', 'p99', 'visitor 26', 'threads', '####'])
        ok(stdout.includes(words), `with ${words}`, stdout);
}

async function complains() {
    const server = http.createServer((request, response) => {
        response.writeHead(request.url === '/stats' ? 404 : 503);
        response.end('no');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${server.address().port}`;
    const refused = await bench('-n', '5', '--url', url);
    ok(refused.code === 1 && /5 failed.*HTTP 503/.test(refused.stdout), 'a server that refuses',
       refused);
    server.close();
    const nobody = await bench('-n', '3', '--url', 'http://127.0.0.1:9');
    ok(nobody.code === 1 && /3 failed.*connecting: Connection refused/.test(nobody.stdout),
       'a server that is not there', nobody);
    for (const [name, ...args] of [
        ['no conversations', '-n', '0'], ['too many', '-n', '20001'], ['no number', '-n', 'x'],
        ['another scheme', '--url', 'ftp://127.0.0.1'], ['a stray word', 'x'],
        ['no pool to leave others out for', '--only-pool'],
    ]) {
        const wrong = await bench(...args);
        ok(wrong.code === 2 && wrong.stderr.startsWith('weft bench:'), `refused: ${name}`, wrong);
    }
}

await test(170, async () => {
    const sim = await start(SIMULATOR, ['--port', '0', '--first-token-ms', String(FIRST),
                                        '--jitter', '0', '--tokens-per-second', '200']);
    const chat = await start(CHAT, ['--port', '0', '--simulator', sim.address]);
    await measures(chat);
    await shows(chat);
    await complains();
    is(await stop(chat), 0, 'the chat ends');
    is(await stop(sim), 0, 'so does the simulator');
});
