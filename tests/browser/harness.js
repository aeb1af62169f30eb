/* Runs the cases of one file in headless Chromium against a running chat and prints TAP.
 *
 * WEFT_CHAT_URL     where the chat is served, as http://127.0.0.1:9292/
 * WEFT_CHROMIUM     the browser; /usr/bin/chromium when unset
 *
 * Each case gets a fresh browser context, so no storage and no connection is shared. The first
 * failure ends the file. Besides what a case asserts, every case fails when the page asked another
 * server for anything, threw, or (unless it is { noisy: true }) wrote an error to the console. */

import { existsSync } from 'node:fs';
import { Chat } from './chat.js';

const CASE_LIMIT = 90_000;
const ARGUMENTS = [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
];

export class Failure extends Error {}

export function must(condition, text) {
    if (!condition) throw new Failure(text);
}

export function equal(actual, expected, text) {
    must(
        Object.is(actual, expected),
        `${text}: got ${JSON.stringify(actual)}, expected ${JSON.stringify(expected)}`,
    );
}

/** Waits until probe() gives something true and returns it. */
export async function until(probe, text, limit = 30_000) {
    for (const end = Date.now() + limit; Date.now() < end; await pause(25)) {
        const value = await probe();
        if (value) return value;
    }
    throw new Failure(`waited ${limit / 1000} s in vain: ${text}`);
}

export function pause(milliseconds) {
    return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

export function note(text) {
    console.log(text.replace(/^/gm, '# '));
}

/** cases: [name, async (chat) => ..., { noisy, context }]... in the order in which they run. */
export async function run(cases) {
    const url = process.env.WEFT_CHAT_URL;
    const executablePath = process.env.WEFT_CHROMIUM ?? '/usr/bin/chromium';
    if (!url) return skip('WEFT_CHAT_URL does not say where the chat is served');
    if (!existsSync(executablePath)) return skip(`there is no ${executablePath} (Debian package chromium)`);
    const playwright = await import('playwright-core').catch(() => null);
    if (!playwright) return skip('playwright-core is not installed (npm ci in tests/)');
    const browser = await playwright.chromium.launch({ executablePath, args: ARGUMENTS });
    console.log('TAP version 13');
    for (const [index, [name, body, options = {}]] of cases.entries()) {
        const problem = await runCase(browser, url, body, options);
        console.log(`${problem ? 'not ok' : 'ok'} ${index + 1} - ${name}`);
        if (problem) {
            note(problem);
            console.log(`1..${cases.length}`);
            await browser.close();
            process.exit(1);
        }
    }
    console.log(`1..${cases.length}`);
    await browser.close();
}

function skip(reason) {
    console.log(`1..0 # SKIP ${reason}`);
}

/* Returns what went wrong, or '' when nothing did. */
async function runCase(browser, url, body, options) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options.context });
    const page = await context.newPage();
    const wrongs = [];
    page.on('pageerror', (error) => wrongs.push(`the page threw: ${error.message}`));
    page.on('request', (request) => {
        if (!request.url().startsWith('data:') && new URL(request.url()).origin !== new URL(url).origin)
            wrongs.push(`the page asked another server: ${request.url()}`);
    });
    page.on('console', (message) => {
        if (!options.noisy && ['error', 'warning'].includes(message.type()))
            wrongs.push(`the console says: ${message.text()}`);
    });
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Failure(`took more than ${CASE_LIMIT / 1000} s`)), CASE_LIMIT);
    });
    try {
        await Promise.race([body(new Chat(page, url)), late]);
    } catch (error) {
        wrongs.unshift(error instanceof Failure ? error.message : error.stack);
    }
    clearTimeout(timer);
    await context.close();
    return wrongs.join('\n');
}
