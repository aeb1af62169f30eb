/* Bold, italic, code and links inside one paragraph, as DOM nodes.
 *
 * One pass with an explicit stack of open emphasis, so hostile nesting costs neither recursion
 * nor unbounded depth. While the text is still growing, what is open at its end is shown as if it
 * were closed there; otherwise it turns out to have been plain text and is shown as such. */

const DEPTH_LIMIT = 8;
const TOKEN = /\\[!-/:-@[-`{-~]|`+|\*{1,3}|_{1,3}|\[[^[\]\n]{1,300}\]\(https?:\/\/[^\s()<>]{1,1000}\)/g;
const TAGS = { 1: ['em'], 2: ['strong'], 3: ['strong', 'em'] };

export function showInline(element, source, growing) {
    const frames = [{ node: document.createDocumentFragment(), mark: '' }];
    let at = 0;
    TOKEN.lastIndex = 0;
    for (let match; (match = TOKEN.exec(source));) {
        addText(frames, source.slice(at, match.index));
        at = match.index + addToken(frames, source, match, growing);
        TOKEN.lastIndex = at;
    }
    addText(frames, source.slice(at));
    while (frames.length > 1) leave(frames, growing);
    element.replaceChildren(frames[0].node);
}

/* Returns how many characters of the source the token and what belongs to it took. */
function addToken(frames, source, match, growing) {
    const token = match[0];
    if (token[0] === '\\') addText(frames, token[1]);
    else if (token[0] === '`') return addCode(frames, source, match.index, token, growing);
    else if (token[0] === '[') addLink(frames, token);
    else addEmphasis(frames, source, match.index, token);
    return token.length;
}

function addCode(frames, source, at, mark, growing) {
    const from = at + mark.length;
    let end = source.indexOf(mark, from);
    while (end >= 0 && source[end + mark.length] === '`') {
        while (source[end] === '`') end++;
        end = source.indexOf(mark, end);
    }
    if (end < 0 && !(growing && mark.length === 1)) {
        addText(frames, mark);
        return mark.length;
    }
    const code = document.createElement('code');
    code.textContent = source.slice(from, end < 0 ? source.length : end);
    if (code.textContent) frames.at(-1).node.append(code);
    return end < 0 ? source.length - at : end + mark.length - at;
}

function addLink(frames, token) {
    const middle = token.lastIndexOf('](');
    const link = document.createElement('a');
    link.href = token.slice(middle + 2, -1); /* http or https: the pattern admits nothing else */
    link.rel = 'noopener noreferrer';
    link.target = '_blank';
    link.textContent = token.slice(1, middle);
    frames.at(-1).node.append(link);
}

function addEmphasis(frames, source, at, mark) {
    const before = source[at - 1] ?? ' ';
    const after = source[at + mark.length] ?? ' ';
    const inWord = mark[0] === '_' && /[\p{L}\p{N}]/u.test(before) && /[\p{L}\p{N}]/u.test(after);
    const mayClose = /\S/.test(before) && !inWord;
    if (mayClose && close(frames, mark)) return;
    if (mayClose && mark.length === 3 && closeBoth(frames, mark[0])) return;
    if (/\S/.test(after) && !inWord && frames.length < DEPTH_LIMIT)
        frames.push({ node: document.createDocumentFragment(), mark });
    else addText(frames, mark);
}

/* Ends the emphasis that began with this mark; what was opened inside it and not closed is text. */
function close(frames, mark) {
    const open = frames.findLastIndex((frame) => frame.mark === mark);
    if (open < 0) return false;
    while (frames.length > open + 1) leave(frames, false);
    leave(frames, true);
    return true;
}

/* Three characters may end two emphases that began one after the other. */
function closeBoth(frames, character) {
    const inner = frames.at(-1).mark;
    const outer = frames.at(-2)?.mark;
    if (inner + outer !== character.repeat(3)) return false;
    leave(frames, true);
    leave(frames, true);
    return true;
}

/* Ends the innermost emphasis: as an element, or as the plain characters it was after all. */
function leave(frames, asElement) {
    const { node, mark } = frames.pop();
    const parent = frames.at(-1).node;
    if (!asElement) {
        parent.append(mark, node);
        return;
    }
    let inner = parent;
    for (const tag of TAGS[mark.length]) inner = inner.appendChild(document.createElement(tag));
    inner.append(node);
}

function addText(frames, text) {
    if (text) frames.at(-1).node.append(text);
}
