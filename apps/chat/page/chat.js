/* The chat page: this file joins its parts and handles the keyboard.
 *
 *     conversations.js  what is said and asked      list.js        the list at the side
 *     api.js            requests                    transcript.js  the messages
 *     events.js         Server-Sent Events          markdown.js, inline.js  text to elements
 *     strip.js          the live figures
 *
 * What the server answers:
 *
 * GET /  is index.html; every other file of this folder is served under its own name with
 *     Content-Type text/javascript, text/css or image/svg+xml and Cache-Control: no-cache.
 *
 * POST /conversations/ID/messages  {"text": "..."}        ID is 8 to 64 of A-Z a-z 0-9 -, chosen
 *     here; the first message makes the conversation.     text/event-stream:
 *     event: token    data: {"text": "..."}               as they come, none of them empty
 *     event: done     data: {"usage": {"prompt_tokens": n, "completion_tokens": n} or null,
 *                            "finish_reason": "stop", "first_token_ms": n}
 *     event: failed   data: {"message": "..."}            a sentence for people
 *     After done or failed the stream ends. While nothing else is sent, a comment (": ping")
 *     every 15 s at the latest. Closing the connection stops the answer; what was sent of it
 *     stays in the history. A question whose answer failed does not: retrying sends it again.
 *     409 while an answer to the same conversation is under way.
 *
 * GET /conversations/ID     {"messages": [{"role": "user" or "assistant", "text": "..."}]}, or 404
 * DELETE /conversations/ID  204; an answer under way is stopped
 * GET /stats                text/event-stream, the first at once and then one a second:
 *     event: stats    data: {"conversations": n, "fibers": n, "threads": n, "memory_bytes": n,
 *                            "load": 0.0 to 1.0, "tokens_per_second": n, "model": "...",
 *                            "provider": "simulator" or "openai-compatible"}
 *
 * Errors have a status of 4xx or 5xx and {"error": {"message": "..."}}. */

import { Conversations, isEmpty } from './conversations.js';
import { List } from './list.js';
import { Strip } from './strip.js';
import { Transcript } from './transcript.js';

const find = (id) => document.getElementById(id);
const narrow = matchMedia('(max-width: 52rem)');
const field = find('composer-text');
const side = find('side');
const dialog = find('delete-dialog');
let shown = null;

const conversations = new Conversations(news);
const list = new List({
    open: (conversation) => {
        open(conversation);
        closeSide();
        field.focus();
    },
    remove,
});
const transcript = new Transcript({
    send,
    retry: () => {
        conversations.retry(shown);
        field.focus();
    },
    reload: () => conversations.load(shown),
});

function news(what, conversation, detail) {
    if (what === 'added') list.add(conversation);
    else if (what === 'removed') list.drop(conversation);
    else if (what === 'token' && conversation === shown) transcript.token(detail);
    else if (what === 'messages' && conversation === shown) transcript.show(conversation);
    else if (what === 'state') changed(conversation, detail);
}

function changed(conversation, ended) {
    const isShown = conversation === shown;
    if (ended) {
        conversation.unread = !isShown && ended.state === 'done';
        announce(conversation, ended, isShown);
    }
    list.update(conversation);
    if (!isShown) return;
    transcript.state(ended ?? conversation.answer ?? {});
    dressComposer();
}

/* Screen readers hear an answer once, when it is complete: not each token. */
function announce(conversation, answer, isShown) {
    const where = isShown ? '' : ` in ${conversation.title}`;
    const words = {
        done: `Answer complete${where}. `,
        stopped: `Answer stopped${where}.`,
        failed: `Answer failed${where}.`,
    };
    const text = isShown && answer.state === 'done' ? answer.text.slice(0, 2000) : '';
    find('announce').textContent = words[answer.state] + text;
}

function open(conversation) {
    const before = shown;
    if (conversation === before) return;
    shown = conversation;
    conversation.unread = false;
    if (before && isEmpty(before) && !before.draft) conversations.remove(before);
    list.update(conversation);
    list.mark(conversation);
    transcript.show(conversation);
    field.value = conversation.draft;
    dressComposer();
    conversations.load(conversation);
    if (location.hash.slice(1) !== conversation.id)
        history[before ? 'pushState' : 'replaceState'](null, '', `#${conversation.id}`);
}

function openNew() {
    closeSide();
    if (!shown || !isEmpty(shown)) open(conversations.list().find(isEmpty) ?? conversations.add());
    field.focus();
}

function openNamedByAddress() {
    const id = location.hash.slice(1);
    open(conversations.get(id) ?? (id ? conversations.add(id) : conversations.add()));
}

function send(text) {
    if (shown.answer || !text.trim()) return;
    field.value = '';
    conversations.keepDraft(shown, '');
    transcript.follow();
    conversations.send(shown, text.trim());
    field.focus();
}

function dressComposer() {
    const isAnswering = Boolean(shown.answer);
    const stopHadFocus = document.activeElement === find('stop');
    find('title').textContent = shown.title || 'New conversation';
    document.title = shown.title ? `${shown.title} · Weft chat` : 'Weft chat';
    find('stop').hidden = !isAnswering;
    find('send').hidden = isAnswering;
    find('send').disabled = field.value.trim() === '';
    find('nudge').textContent = '';
    if (stopHadFocus && !isAnswering) field.focus();
    grow();
}

/* The field is as high as its text; CSS holds it below a third of the window. */
function grow() {
    field.style.height = 'auto';
    field.style.height = `${field.scrollHeight + 2}px`;
}

function remove(conversation) {
    find('delete-title').textContent = conversation.title || 'New conversation';
    if (isEmpty(conversation)) {
        removeNow(conversation);
        return;
    }
    dialog.onclose = () => {
        if (dialog.returnValue === 'delete') removeNow(conversation);
    };
    dialog.returnValue = 'keep';
    dialog.showModal();
}

function removeNow(conversation) {
    const next = list.neighbour(1) ?? list.neighbour(-1);
    const wasShown = conversation === shown;
    if (wasShown) shown = null;
    conversations.remove(conversation);
    if (wasShown) open(next ?? conversations.add());
    field.focus();
}

function openSide() {
    document.body.dataset.side = 'open';
    find('veil').hidden = false;
    dressSide();
    side.querySelector('[aria-current]')?.focus();
}

function closeSide() {
    delete document.body.dataset.side;
    find('veil').hidden = true;
    dressSide();
}

/* On a narrow screen the list is a drawer: closed, it is out of reach; open, all else is. */
function dressSide() {
    const isOpen = document.body.dataset.side === 'open';
    side.inert = narrow.matches && !isOpen;
    find('main').inert = narrow.matches && isOpen;
    find('open-side').setAttribute('aria-expanded', String(isOpen));
}

function pressed(event) {
    const isAlone = !event.shiftKey && !event.metaKey;
    if (dialog.open || event.isComposing) return;
    if (event.key === 'Escape' && document.body.dataset.side === 'open') {
        closeSide();
        find('open-side').focus();
    } else if (event.key === 'Escape' && shown.answer) conversations.stop(shown);
    else if (event.code === 'KeyN' && event.altKey !== event.ctrlKey && isAlone) openNew();
    else if (event.altKey && !event.ctrlKey && isAlone && /^Arrow(Up|Down)$/.test(event.key)) {
        const next = list.neighbour(event.key === 'ArrowDown' ? 1 : -1);
        if (next) open(next);
    } else return;
    event.preventDefault();
}

field.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    if (shown.answer)
        find('nudge').textContent =
            'This answer is still streaming: stop it with Esc, or ask in a new conversation';
    else send(field.value);
});
field.addEventListener('input', () => {
    conversations.keepDraft(shown, field.value);
    find('send').disabled = field.value.trim() === '';
    find('nudge').textContent =
        field.value.length >= field.maxLength
            ? `A message has at most ${field.maxLength.toLocaleString('en')} characters`
            : '';
    grow();
});
find('composer').addEventListener('submit', (event) => {
    event.preventDefault();
    send(field.value);
});
find('stop').addEventListener('click', () => conversations.stop(shown));
find('new').addEventListener('click', openNew);
find('new-narrow').addEventListener('click', openNew);
find('open-side').addEventListener('click', openSide);
find('close-side').addEventListener('click', closeSide);
find('veil').addEventListener('click', closeSide);
find('skip').addEventListener('click', (event) => {
    event.preventDefault(); /* the address names the conversation */
    field.focus();
});
document.addEventListener('keydown', pressed);
narrow.addEventListener('change', () => {
    closeSide();
    grow();
});
window.addEventListener('popstate', openNamedByAddress);

for (const conversation of conversations.list().reverse()) list.add(conversation);
openNamedByAddress();
dressSide();
new Strip(() => conversations.doubtMemory());
