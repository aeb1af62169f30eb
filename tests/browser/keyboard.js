/* Everything the page does can be done from the keyboard, and one sees where one is. */

import { equal, must, run, until } from './harness.js';
import { DONE } from './chat.js';

const active = (chat) =>
    chat.page.evaluate(() => {
        const { activeElement } = document;
        return activeElement.getAttribute('aria-label') ?? activeElement.textContent.trim();
    });

async function answered(chat, question) {
    await chat.answerNext([['token', { text: `Answer to ${question}` }], DONE]);
    await chat.field.focus();
    await chat.page.keyboard.type(question);
    await chat.page.keyboard.press('Enter');
    await chat.finished();
}

await run([
    [
        'Enter sends, Shift+Enter starts a line, empty text is not sent',
        async (chat) => {
            await chat.open();
            await chat.page.keyboard.press('Enter');
            await chat.page.keyboard.type('   ');
            await chat.page.keyboard.press('Enter');
            equal(await chat.questions.count(), 0, 'questions after sending nothing');
            await chat.field.fill('');
            await chat.answerNext([['token', { text: 'Fine.' }], DONE]);
            await chat.page.keyboard.type('one');
            await chat.page.keyboard.press('Shift+Enter');
            await chat.page.keyboard.type('two');
            await chat.page.keyboard.press('Enter');
            equal(await chat.questions.last().textContent(), 'one\ntwo', 'question');
        },
    ],
    [
        'Enter during an answer keeps the text and says why',
        async (chat) => {
            await chat.open();
            await chat.page.keyboard.type('A first question');
            await chat.page.keyboard.press('Enter');
            await until(async () => (await chat.state()) === 'streaming', 'the answer to begin');
            await chat.page.keyboard.type('too early');
            await chat.page.keyboard.press('Enter');
            equal(await chat.field.inputValue(), 'too early', 'the field');
            must(
                (await chat.page.locator('#nudge').textContent()).includes('still streaming'),
                'the reason is shown',
            );
            equal(await chat.questions.count(), 1, 'questions');
        },
    ],
    [
        'Alt+N starts a conversation and says so beforehand; a second empty one is not made',
        async (chat) => {
            await chat.open();
            const button = chat.page.getByRole('button', { name: 'New conversation' }).first();
            must(/Alt\s*N/.test(await button.textContent()), 'the key is shown on the button');
            await answered(chat, 'the first');
            await chat.page.keyboard.press('Alt+KeyN');
            equal(await chat.rows.count(), 2, 'conversations');
            equal(
                await chat.field.evaluate((field) => field === document.activeElement),
                true,
                'focus in the field',
            );
            await chat.page.keyboard.press('Alt+KeyN');
            equal(await chat.rows.count(), 2, 'conversations after a second Alt+N');
        },
    ],
    [
        'Control+N starts a conversation where the browser leaves it to the page',
        async (chat) => {
            await chat.open();
            await answered(chat, 'the first');
            await chat.page.keyboard.press('Control+KeyN');
            equal(await chat.rows.count(), 2, 'conversations');
        },
    ],
    [
        'Alt with arrows switches conversation, each with its own draft',
        async (chat) => {
            await chat.open();
            await answered(chat, 'the first');
            await chat.page.keyboard.type('a draft');
            await chat.page.keyboard.press('Alt+KeyN');
            await answered(chat, 'the second');
            await chat.page.keyboard.press('Alt+ArrowDown');
            equal(await chat.title.textContent(), 'the first', 'title after Alt+Down');
            equal(await chat.field.inputValue(), 'a draft', 'draft');
            await chat.page.keyboard.press('Alt+ArrowDown');
            equal(await chat.title.textContent(), 'the first', 'title beyond the end');
            await chat.page.keyboard.press('Alt+ArrowUp');
            equal(await chat.title.textContent(), 'the second', 'title after Alt+Up');
            equal(await chat.field.inputValue(), '', 'draft of the second');
        },
    ],
    [
        'the list is walked with arrows, opened with Enter, shortened with Delete',
        async (chat) => {
            await chat.open();
            for (const question of ['the first', 'the second', 'the third']) {
                await chat.page.keyboard.press('Alt+KeyN');
                await answered(chat, question);
            }
            await until(async () => {
                await chat.page.keyboard.press('Shift+Tab');
                return chat.page.evaluate(() => document.activeElement.matches('#conversations .open'));
            }, 'Shift+Tab to reach the list');
            must((await active(chat)).startsWith('the third'), 'the one looked at is reached');
            await chat.page.keyboard.press('ArrowDown');
            must((await active(chat)).startsWith('the second'), 'the next one by arrow');
            await chat.page.keyboard.press('End');
            must((await active(chat)).startsWith('the first'), 'the last one by End');
            await chat.page.keyboard.press('Enter');
            equal(await chat.title.textContent(), 'the first', 'title after Enter');
            await chat.page.locator('#conversations [aria-current]').focus();
            await chat.page.keyboard.press('Delete');
            await chat.page.getByRole('dialog').waitFor();
            equal(await active(chat), 'Keep', 'the harmless choice has the focus');
            await chat.page.keyboard.press('Escape');
            equal(await chat.rows.count(), 3, 'conversations after Escape');
            await chat.page.locator('#conversations [aria-current]').focus();
            await chat.page.keyboard.press('Delete');
            await chat.page.keyboard.press('Tab');
            await chat.page.keyboard.press('Enter');
            await until(async () => (await chat.rows.count()) === 2, 'the conversation to be gone');
            equal(await chat.title.textContent(), 'the second', 'title after deleting');
        },
    ],
    [
        'a failed answer is retried from the keyboard',
        async (chat) => {
            await chat.open();
            await chat.answerNext([['failed', { message: 'Not today.' }]]);
            await chat.page.keyboard.type('try');
            await chat.page.keyboard.press('Enter');
            await chat.alert.waitFor();
            await until(async () => {
                await chat.page.keyboard.press('Shift+Tab');
                return (await active(chat)) === 'Retry';
            }, 'Shift+Tab to reach the retry button');
            await chat.answerNext([['token', { text: 'Today it is.' }], DONE]);
            await chat.page.keyboard.press('Enter');
            await chat.finished();
            equal(
                await chat.field.evaluate((field) => field === document.activeElement),
                true,
                'focus in the field',
            );
        },
    ],
    [
        'whatever Tab reaches shows that it has the focus and has a name',
        async (chat) => {
            await chat.open();
            await answered(chat, 'the first');
            const seen = new Set();
            for (let step = 0; step < 30; step++) {
                await chat.page.keyboard.press('Tab');
                const found = await chat.page.evaluate(() => {
                    const element = document.activeElement;
                    if (element === document.body) return null;
                    const field = element.closest('.field'); /* the ring of the text is the field's edge */
                    const ring =
                        getComputedStyle(element).outlineStyle !== 'none' ||
                        (field && getComputedStyle(field).boxShadow.includes('0px 0px 0px 1px'));
                    const label = element.getAttribute('aria-label') ?? element.labels?.[0]?.textContent;
                    return { ring, name: label ?? element.textContent.trim() };
                });
                if (!found) continue;
                must(found.name, 'every stop has a name');
                must(found.ring, `a ring around ${found.name}`);
                seen.add(found.name);
            }
            must(seen.size >= 6, `stops: ${[...seen].join(', ')}`);
        },
    ],
    [
        'a finished answer is announced once, politely',
        async (chat) => {
            await chat.open();
            await answered(chat, 'the first');
            const region = chat.page.locator('#announce');
            equal(await region.getAttribute('aria-live'), 'polite', 'aria-live');
            equal(await region.textContent(), 'Answer complete. Answer to the first', 'announcement');
            equal(
                await chat.page
                    .locator('#transcript')
                    .evaluate((node) => Boolean(node.closest('[aria-live]'))),
                false,
                'tokens are announced',
            );
        },
    ],
]);
