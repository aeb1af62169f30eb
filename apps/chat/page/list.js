/* The list of conversations at the side: one row each, found again by name, so that news of one
 * conversation touches one row. One row is in the tab order; arrow keys move among them. */

export class List {
    #root = document.getElementById('conversations');
    #rows = new Map();
    #shown = null;
    #act;

    /** act is { open(conversation), remove(conversation) }. */
    constructor(act) {
        this.#act = act;
        this.#root.addEventListener('keydown', (event) => this.#key(event));
    }

    /** Adds a row at the top. */
    add(conversation) {
        const row = document.createElement('li');
        const open = document.createElement('button');
        const remove = document.createElement('button');
        open.type = remove.type = 'button';
        open.className = 'open';
        open.tabIndex = remove.tabIndex = -1;
        open.append(span('light'), span('name'), span('status'));
        open.addEventListener('click', () => this.#act.open(conversation));
        remove.className = 'icon remove';
        remove.title = 'Delete';
        remove.append(cross());
        remove.addEventListener('click', () => this.#act.remove(conversation));
        row.append(open, remove);
        this.#rows.set(conversation.id, { row, open, remove, conversation });
        this.#root.prepend(row);
        this.update(conversation);
    }

    drop(conversation) {
        this.#rows.get(conversation.id)?.row.remove();
        this.#rows.delete(conversation.id);
        if (this.#shown === conversation.id) this.#shown = null;
    }

    update(conversation) {
        const parts = this.#rows.get(conversation.id);
        if (!parts) return;
        const name = conversation.title || 'New conversation';
        const [kind, status] = statusOf(conversation);
        parts.row.dataset.status = kind;
        parts.open.querySelector('.name').textContent = name;
        parts.open.querySelector('.status').textContent = status;
        parts.remove.setAttribute('aria-label', `Delete ${name}`);
    }

    /** Marks the conversation that is looked at. */
    mark(conversation) {
        this.#dress(this.#rows.get(this.#shown), false);
        this.#shown = conversation.id;
        const parts = this.#rows.get(conversation.id);
        this.#dress(parts, true);
        parts?.row.scrollIntoView({ block: 'nearest' });
    }

    /** The conversation `step` rows below the one looked at; none beyond either end. */
    neighbour(step) {
        const rows = [...this.#root.children];
        const at = rows.indexOf(this.#rows.get(this.#shown)?.row);
        const row = rows[at + step];
        return [...this.#rows.values()].find((parts) => parts.row === row)?.conversation;
    }

    #dress(parts, isShown) {
        if (!parts) return;
        parts.open.tabIndex = parts.remove.tabIndex = isShown ? 0 : -1;
        if (isShown) parts.open.setAttribute('aria-current', 'true');
        else parts.open.removeAttribute('aria-current');
    }

    #key(event) {
        const row = event.target.closest('li');
        const next = {
            ArrowDown: row?.nextElementSibling,
            ArrowUp: row?.previousElementSibling,
            Home: this.#root.firstElementChild,
            End: this.#root.lastElementChild,
        };
        if (event.altKey || event.ctrlKey || event.metaKey || !row) return;
        if (event.key === 'Delete') row.querySelector('.remove').click();
        else if (event.key in next) next[event.key]?.querySelector('.open').focus();
        else return;
        event.preventDefault();
    }
}

function statusOf({ answer, unread, messages }) {
    if (answer) return answer.state === 'queued' ? ['queued', 'in line'] : ['streaming', 'streaming'];
    if (messages.at(-1)?.state === 'failed') return ['failed', 'failed'];
    return unread ? ['unread', 'new'] : ['idle', ''];
}

function span(className) {
    const element = document.createElement('span');
    element.className = className;
    return element;
}

function cross() {
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    svg.setAttribute('viewBox', '0 0 20 20');
    svg.setAttribute('aria-hidden', 'true');
    path.setAttribute('d', 'M6 6l8 8M14 6l-8 8');
    svg.append(path);
    return svg;
}
