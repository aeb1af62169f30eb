/* What the tests in JavaScript share: claims in TAP, and programs that print their address first. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

let count = 0;
let failed = 0;
const running = new Set();

export function ok(condition, name, detail = '') {
    count++;
    failed += condition ? 0 : 1;
    console.log(`${condition ? '' : 'not '}ok ${count} - ${name}`);
    if (!condition) {
        const text = detail instanceof Error ? detail.stack : JSON.stringify(detail) ?? 'undefined';
        console.log(`#   ${text.slice(0, 600).replace(/\n/g, ' ')}`);
    }
}

export function is(got, expected, name) {
    ok(Object.is(got, expected), name, { got, expected });
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until probe() gives something true; undefined after ten seconds. */
export async function until(probe) {
    for (const end = Date.now() + 10_000; Date.now() < end; await pause(10)) {
        const value = await probe();
        if (value) return value;
    }
}

/** Starts a program; its address is the first line of its output. */
export async function start(path, args, env = {}) {
    const child = spawn(path, args, {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: { ...process.env, ...env },
    });
    running.add(child);
    child.once('exit', () => running.delete(child));
    const [address] = await once(createInterface({ input: child.stdout }), 'line');
    return { address, child };
}

/** Ends a program by a signal: its exit status. */
export async function stop({ child }, signal = 'SIGTERM') {
    const ended = once(child, 'exit');
    child.kill(signal);
    return (await ended)[0];
}

/** Runs the tests and closes the report. Nothing outlives it, nor takes more than `seconds`. */
export async function test(seconds, body) {
    setTimeout(() => {
        console.log('Bail out! out of time');
        for (const child of running) child.kill('SIGKILL');
        process.exit(1);
    }, seconds * 1000).unref();
    try {
        await body();
    } catch (error) {
        ok(false, 'the test ran to its end', error);
    }
    for (const child of running) child.kill('SIGKILL');
    console.log(`1..${count}`);
    process.exit(failed ? 1 : 0);
}

export function skipAll(reason) {
    console.log(`1..0 # SKIP ${reason}`);
    process.exit(0);
}
