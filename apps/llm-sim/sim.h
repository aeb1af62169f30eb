/*
 * The LLM simulator: a server that speaks OpenAI's Chat Completions and answers from templates.
 *
 *     main.c      options          errors.c   OpenAI's error objects, and the headers of all
 * answers question.c  what is asked    answer.c   what is said, in tokens      phrases.c   its
 * sentences reply.c     how it is sent: the pace, streaming or not, and the faults
 */
#ifndef LLM_SIM_H
#define LLM_SIM_H

#include <time.h>

#include <weft/http.h>
#include <weft/weft.h>

#include "../common/text.h"

enum {
    SIM_MODELS_MAX = 8,
    SIM_NAME_MAX = 64,       /* bytes of a model's name */
    SIM_TOKENS_MAX = 8192,   /* of one answer */
    SIM_MESSAGES_MAX = 2048, /* of one request */
    SIM_TOPIC_MAX = 72,      /* bytes of a question that are repeated in its answer */
};

/** Ways to fail, chosen by --faults. */
enum sim_fault {
    SIM_NO_FAULT,
    SIM_FAULT_429,   /**< too many requests, with retry-after */
    SIM_FAULT_500,   /**< a failure before the answer */
    SIM_FAULT_CUT,   /**< the connection ends in the middle */
    SIM_FAULT_STALL, /**< the answer stops in the middle, and the connection stays */
    SIM_FAULT_KINDS,
};

/** What was chosen on the command line. */
struct sim {
    double tokens_per_second;
    int64_t first_token; /**< ns from the request to the first token */
    double jitter;       /**< 0 to 1: by which part of itself each delay varies */
    double fault_rate;   /**< 0 to 1 */
    unsigned faults;     /**< bit 1 << kind for each that may happen */
    size_t tokens;       /**< of every answer; 0: as many as it has */
    uint64_t seed;       /**< of all that is drawn */
    const char *key;     /**< the only one accepted; NULL: any, or none */
    size_t models;       /**< how many */
    const char *model[SIM_MODELS_MAX];
    time_t started;
    uint64_t requests; /**< so far */
};

/** One request, understood. */
struct question {
    const char *model;
    const char *text; /**< of the last user message, UTF-8 */
    size_t turns;     /**< messages in the request */
    size_t prompt_tokens;
    size_t most_tokens; /**< of the answer */
    bool stream;
    bool include_usage;
};

/** An answer in tokens: token i is text.bytes[ends[i - 1]] to text.bytes[ends[i]]. */
struct answer {
    struct text text;
    uint32_t *ends;
    size_t count;
    bool cut; /**< it has more to say than it was allowed */
};

/* question.c */

/**
 * Understand a request, or refuse it with the error that names the parameter at fault.
 *
 * @return          1 understood; 0 refused, with the response filled in; -1 and errno.
 */
int question_read(const struct sim *sim, const cJSON *json, struct question *question,
                  struct weft_http_response *response);

/* answer.c */

/** Compose the answer to a question: the same for the same seed and text. false: no memory. */
bool answer_compose(const struct sim *sim, const struct question *question, struct answer *answer);

void answer_free(struct answer *answer);

/** Bytes of the token at the beginning of a text; 0 at its end. */
size_t answer_token(const char *text);

/** How many tokens a text has. */
size_t answer_count_tokens(const char *text);

/** A number drawn from a state: each call gives the next one. */
uint64_t sim_draw(uint64_t *state);

/** A state made of a seed and a text. */
uint64_t sim_hash(uint64_t seed, const char *text);

/* phrases.c: {} is replaced by what the question is about. Lists end with NULL. */
struct phrases {
    const char *words;           /**< those in a question that choose this kind, "|a|b|" */
    const char *const *openings; /**< one is said first */
    const char *const *parts;    /**< several follow, in an order that is drawn */
    const char *const *endings;  /**< one is said last */
    size_t least;                /**< parts of an answer that may choose its length */
    size_t most;
    bool in_order; /**< the parts build on each other */
};
extern const struct phrases SIM_PHRASES[];
extern const size_t SIM_PHRASES_COUNT;

/* reply.c */

/** Answer a question, or fail as the dice say. As a handler. */
int reply_send(struct sim *sim, const struct question *question, struct weft_http_request *request,
               struct weft_http_response *response);

/* errors.c */

/** Fill a response with OpenAI's error object. param and code may be NULL. As a handler. */
int sim_error(struct weft_http_response *response, int status, const char *type, const char *param,
              const char *code, const char *message, ...) __attribute__((format(printf, 6, 7)));

/** What is wrong with a parameter: status 400. As a handler. */
int sim_refuse(struct weft_http_response *response, const char *param, const char *message, ...)
    __attribute__((format(printf, 3, 4)));

#endif
