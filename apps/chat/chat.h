/*
 * The chat: a page, its conversations, and a model that answers them token by token.
 *
 *     main.c     options, routes                  store.c    what is kept of the conversations
 *     handlers.c requests that end at once        turn.c     a question and its answer
 *     figures.c  the live strip                   page.c     the files of the page, embedded
 *
 * All of it runs on one thread. A turn is a plain function: it calls llm_stream(), libcurl's
 * blocking client in examples/llm_client.c, which parks the fiber of that connection only.
 */
#ifndef CHAT_H
#define CHAT_H

#include <sys/queue.h>

#include <weft/http.h>
#include <weft/weft.h>

#include "../common/text.h"

/* The limits. Each is told to the visitor who meets it, but for what is forgotten in silence. */
enum {
    ID_LEAST = 8, /* bytes of a conversation's name */
    ID_MOST = 64,
    MESSAGE_MOST = 128 << 10,     /* bytes of a question: the page allows 32,000 characters */
    BODY_MOST = 6 * MESSAGE_MOST, /* of a request: every byte may be escaped */
    ANSWER_MOST = 1 << 20,        /* bytes of an answer, which ends there */
    CONVERSATIONS_MOST = 10000,   /* kept; the one not used for longest is forgotten */
    STORE_MOST = 256 << 20,       /* bytes of all that is kept; same */
    MESSAGES_MOST = 200,          /* kept of a conversation; the oldest are forgotten */
    CONVERSATION_MOST = 2 << 20,  /* bytes kept of one; same */
    HISTORY_MESSAGES = 40,        /* sent to the model with a question */
    HISTORY_BYTES = 192 << 10,    /* same */
};

/* store.c */

/** What was said by one side. */
struct message {
    bool from_user;
    size_t length;
    char *text; /**< with a NUL behind it */
};

/** What is kept of one conversation. Only the functions below change it. */
struct conversation {
    TAILQ_ENTRY(conversation) order; /**< used longest ago first */
    char id[ID_MOST + 1];
    struct message *messages;
    size_t count;
    size_t bytes;              /**< of its messages */
    struct weft_task *answers; /**< the task of the turn under way; NULL: none */
    bool forgotten;            /**< no request finds it; freed by the last who uses it */
    unsigned holders;          /**< of store_hold() */
};

/** Say whether a text can be a conversation's name: 8 to 64 letters, digits or '-'. */
bool store_is_id(const char *id);

/** A conversation by name; NULL if none is known. It counts as used. */
struct conversation *store_find(const char *id);

/** A conversation by name, made if there is none. NULL and EBUSY when all that are kept are being
    answered, or ENOMEM. */
struct conversation *store_open(const char *id);

/** Keep a question and its answer. -1 and ENOMEM when neither is. */
int store_add(struct conversation *conversation, const char *question, size_t question_length,
              const char *answer, size_t answer_length);

/** Forget a conversation: nobody finds it any more. A turn under way sees that it was. */
void store_forget(struct conversation *conversation);

/** Keep a conversation's memory while waiting. */
void store_hold(struct conversation *conversation);

/** End what store_hold() began. */
void store_let_go(struct conversation *conversation);

/** A turn has ended: frees the conversation if it was forgotten, or nothing was ever kept of it. */
void store_end_turn(struct conversation *conversation);

/* turn.c */

/** Who answers. */
struct provider {
    const char *base_url;
    const char *key; /**< NULL: none is sent */
    const char *model;
    const char *kind; /**< "simulator" or "openai-compatible" */
};
extern struct provider chat_provider;

/** Figures that turns keep. */
struct turns {
    size_t under_way;
    uint64_t tokens; /**< sent to visitors so far */
};
extern struct turns chat_turns;

/** Answer a question with a stream of events. As a handler. */
int turn_begin(struct conversation *conversation, const char *question, size_t length,
               struct weft_http_request *request, struct weft_http_response *response);

/** Wait until a conversation has no turn under way, or a moment has passed. */
void turn_wait(const char *id);

/** Stop the turn of a forgotten conversation: at its next token, or after a moment in any case. */
void turn_stop(struct conversation *conversation);

/* figures.c */

/** Take figures once a second; runs beside the server. */
int figures_run(void *context);

/** GET /stats: a stream of figures. */
int figures_stream(struct weft_http_handler *handler, struct weft_http_request *request,
                   struct weft_http_response *response);

/* handlers.c */

int chat_post_message(struct weft_http_handler *handler, struct weft_http_request *request,
                      struct weft_http_response *response);
int chat_get_conversation(struct weft_http_handler *handler, struct weft_http_request *request,
                          struct weft_http_response *response);
int chat_delete_conversation(struct weft_http_handler *handler, struct weft_http_request *request,
                             struct weft_http_response *response);
int chat_get_page(struct weft_http_handler *handler, struct weft_http_request *request,
                  struct weft_http_response *response);

/* page.c, made by embed.py */

/** A file of the page. */
struct page_file {
    const char *name;
    struct weft_http_asset asset;
};
extern const struct page_file PAGE_FILES[];
extern const size_t PAGE_FILES_COUNT;

#endif
