/*
 * What is kept of the conversations: in memory, by name, the least recently used forgotten first.
 *
 * A conversation that is being answered is never forgotten by itself. The names are in a tree of
 * tsearch(3), the order of use in a list.
 */
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "chat.h"

static TAILQ_HEAD(order, conversation) order = TAILQ_HEAD_INITIALIZER(order);
static void *names; /* of tsearch(3) */
static size_t conversations;
static size_t bytes; /* of all messages */

bool store_is_id(const char *id)
{
    static const char ALLOWED[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
    size_t length = strlen(id);
    return length >= ID_LEAST && length <= ID_MOST && strspn(id, ALLOWED) == length;
}

static int compare(const void *a, const void *b)
{
    const struct conversation *one = a;
    const struct conversation *other = b;
    return strcmp(one->id, other->id);
}

static void drop_messages(struct conversation *conversation, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        conversation->bytes -= conversation->messages[i].length;
        bytes -= conversation->messages[i].length;
        free(conversation->messages[i].text);
    }
    conversation->count -= count;
    memmove(conversation->messages, conversation->messages + count,
            conversation->count * sizeof(*conversation->messages));
}

static void release(struct conversation *conversation)
{
    drop_messages(conversation, conversation->count);
    free(conversation->messages);
    free(conversation);
}

/* Once nobody finds, answers or holds it any more. */
static void release_if_unused(struct conversation *conversation)
{
    if (conversation->forgotten && !conversation->answers && conversation->holders == 0) {
        release(conversation);
    }
}

/* Take a conversation out of all lists: no request finds it any more. */
static void take_out(struct conversation *conversation)
{
    tdelete(conversation, &names, compare);
    TAILQ_REMOVE(&order, conversation, order);
    conversations--;
    conversation->forgotten = true;
}

static bool forget_oldest(void)
{
    struct conversation *oldest;
    TAILQ_FOREACH(oldest, &order, order)
    {
        if (!oldest->answers) {
            take_out(oldest);
            release_if_unused(oldest);
            return true;
        }
    }
    return false;
}

static void use(struct conversation *conversation)
{
    TAILQ_REMOVE(&order, conversation, order);
    TAILQ_INSERT_TAIL(&order, conversation, order);
}

struct conversation *store_find(const char *id)
{
    struct conversation wanted;
    if (!store_is_id(id)) {
        return NULL;
    }
    memcpy(wanted.id, id, strlen(id) + 1);
    void *found = tfind(&wanted, &names, compare);
    if (!found) {
        return NULL;
    }
    struct conversation *conversation = *(struct conversation **)found;
    use(conversation);
    return conversation;
}

struct conversation *store_open(const char *id)
{
    struct conversation *conversation = store_find(id);
    if (conversation) {
        return conversation;
    }
    if (conversations >= CONVERSATIONS_MOST && !forget_oldest()) {
        errno = EBUSY;
        return NULL;
    }
    conversation = calloc(1, sizeof(*conversation));
    if (!conversation) {
        return NULL;
    }
    memcpy(conversation->id, id, strlen(id) + 1);
    if (!tsearch(conversation, &names, compare)) {
        free(conversation);
        errno = ENOMEM;
        return NULL;
    }
    TAILQ_INSERT_TAIL(&order, conversation, order);
    conversations++;
    return conversation;
}

/* The oldest question goes together with its answer, until the conversation keeps its limits. */
static void trim(struct conversation *conversation)
{
    while (conversation->count > 2 &&
           (conversation->count > MESSAGES_MOST || conversation->bytes > CONVERSATION_MOST)) {
        drop_messages(conversation, 2);
    }
    while (bytes > STORE_MOST && forget_oldest()) {
        continue;
    }
}

int store_add(struct conversation *conversation, const char *question, size_t question_length,
              const char *answer, size_t answer_length)
{
    struct message *messages =
        realloc(conversation->messages, (conversation->count + 2) * sizeof(*messages));
    if (!messages) {
        return -1;
    }
    conversation->messages = messages;
    messages += conversation->count;
    messages[0] = (struct message){ true, question_length, strndup(question, question_length) };
    messages[1] = (struct message){ false, answer_length, strndup(answer, answer_length) };
    if (!messages[0].text || !messages[1].text) {
        free(messages[0].text);
        free(messages[1].text);
        errno = ENOMEM;
        return -1;
    }
    conversation->count += 2;
    conversation->bytes += question_length + answer_length;
    bytes += question_length + answer_length;
    trim(conversation);
    return 0;
}

void store_forget(struct conversation *conversation)
{
    if (!conversation->forgotten) {
        take_out(conversation);
    }
    release_if_unused(conversation);
}

void store_hold(struct conversation *conversation)
{
    conversation->holders++;
}

void store_let_go(struct conversation *conversation)
{
    conversation->holders--;
    release_if_unused(conversation);
}

void store_end_turn(struct conversation *conversation)
{
    conversation->answers = NULL;
    if (conversation->forgotten || conversation->count == 0) {
        store_forget(conversation);
    }
}
