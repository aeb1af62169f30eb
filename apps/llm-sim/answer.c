/* Answers: a kind of phrases chosen by the question, put together as the dice fall, cut in tokens.
 */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

enum {
    PARTS_MAX = 16,    /* of one kind */
    WORD_MAX = 24,     /* bytes of a question's word that may choose a kind */
    TOKEN_LETTERS = 9, /* a longer word is several tokens */
};

/* Sebastiano Vigna's SplitMix64: every state gives a full-period sequence. */
uint64_t sim_draw(uint64_t *state)
{
    uint64_t drawn = (*state += UINT64_C(0x9e3779b97f4a7c15));
    drawn = (drawn ^ (drawn >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    drawn = (drawn ^ (drawn >> 27)) * UINT64_C(0x94d049bb133111eb);
    return drawn ^ (drawn >> 31);
}

/* FNV-1a. */
uint64_t sim_hash(uint64_t seed, const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ seed;
    for (; *text; text++) {
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    }
    return sim_draw(&hash);
}

/* Letters and digits; bytes of other scripts count as letters. */
static bool is_letter(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || (unsigned char)byte >= 0x80;
}

/* A token is a word, or a part of a long one, with the space before it; or a sign; or line breaks.
   A character of several bytes is never cut. */
size_t answer_token(const char *text)
{
    size_t length = strspn(text, "\n");
    if (length > 0) {
        return length;
    }
    length = strspn(text, " ");
    size_t letters = 0;
    while (is_letter(text[length]) && letters < TOKEN_LETTERS) {
        length++;
        letters++;
    }
    while (letters > 0 && ((unsigned char)text[length] & 0xc0) == 0x80) {
        length++;
    }
    if (letters > 0 || !text[length] || text[length] == '\n') {
        return length;
    }
    char sign = text[length];
    while (text[length] == sign) {
        length++;
    }
    return length;
}

size_t answer_count_tokens(const char *text)
{
    size_t count = 0;
    for (size_t length; (length = answer_token(text)) > 0; text += length) {
        count++;
    }
    return count;
}

static char lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte;
}

static const char *next_word(const char *text, char *word, size_t size)
{
    while (*text && !is_letter(*text)) {
        text++;
    }
    size_t length = 0;
    for (; is_letter(*text); text++) {
        if (length + 1 < size) {
            word[length++] = lower(*text);
        }
    }
    word[length] = '\0';
    return text;
}

static const struct phrases *choose(const char *question)
{
    char word[WORD_MAX];
    char listed[WORD_MAX + 2];
    for (size_t kind = 0; kind + 1 < SIM_PHRASES_COUNT; kind++) {
        for (const char *at = next_word(question, word, sizeof(word)); *word;
             at = next_word(at, word, sizeof(word))) {
            snprintf(listed, sizeof(listed), "|%s|", word);
            if (strstr(SIM_PHRASES[kind].words, listed)) {
                return &SIM_PHRASES[kind];
            }
        }
    }
    return &SIM_PHRASES[SIM_PHRASES_COUNT - 1];
}

/* Skip what questions begin with, so that "Explain how a loom works" is about "how a loom works".
 */
static const char *skip_asking(const char *text)
{
    static const char ASKING[] = "|please|can|could|you|explain|tell|me|about|show|write|describe|"
                                 "what|is|are|give|plan|a|an|the|us|hello|hi|";
    char word[WORD_MAX];
    char listed[WORD_MAX + 2];
    for (;;) {
        const char *after = next_word(text, word, sizeof(word));
        snprintf(listed, sizeof(listed), "|%s|", word);
        if (!*word || !strstr(ASKING, listed)) {
            return text;
        }
        text = after;
    }
}

/* The first sentence of a question without its beginning and without signs of Markdown. */
static void find_topic(const char *question, char *topic, size_t size)
{
    const char *at = skip_asking(question);
    size_t length = 0;
    while (*at && !is_letter(*at)) {
        at++;
    }
    for (; *at && !strchr(".?!\n;:", *at) && length + 1 < size; at++) {
        if (is_letter(*at) || strchr(" '-,", *at)) {
            topic[length++] = *at;
        }
    }
    while (length > 0 && ((unsigned char)*at & 0xc0) == 0x80 && !is_letter(topic[length - 1])) {
        length--;
    }
    topic[length] = '\0';
    if (*at && ((unsigned char)*at & 0xc0) == 0x80) {
        while (length > 0 && ((unsigned char)topic[length - 1] & 0xc0) == 0x80) {
            length--;
        }
        topic[length > 0 ? length - 1 : 0] = '\0'; /* the character that did not fit whole */
    } else if (length + 1 == size && strrchr(topic, ' ')) {
        *strrchr(topic, ' ') = '\0'; /* the word that may not be whole */
    }
    for (length = strlen(topic); length > 0 && strchr(" ,-'", topic[length - 1]); length--) {
        topic[length - 1] = '\0';
    }
    if (length == 0) {
        snprintf(topic, size, "that");
    }
}

static void say(struct text *text, const char *phrase, const char *topic)
{
    for (const char *gap; (gap = strstr(phrase, "{}")); phrase = gap + 2) {
        text_add(text, phrase, (size_t)(gap - phrase));
        text_put(text, topic);
    }
    text_put(text, phrase);
}

static size_t count_of(const char *const *list)
{
    size_t count = 0;
    while (list[count]) {
        count++;
    }
    return count;
}

static const char *draw_from(const char *const *list, uint64_t *state)
{
    size_t count = count_of(list);
    return count ? list[sim_draw(state) % count] : "";
}

/* So many parts, all of them before one comes again. */
static void say_parts(struct text *text, const struct phrases *phrases, size_t wanted,
                      const char *topic, uint64_t *state)
{
    const char *parts[PARTS_MAX];
    size_t count = count_of(phrases->parts);
    for (size_t said = 0; said < wanted && count > 0; said++) {
        size_t next = said % count;
        if (next == 0) {
            memcpy(parts, phrases->parts, count * sizeof(*parts));
        }
        size_t skip = phrases->in_order ? 0 : sim_draw(state) % (count - next);
        size_t other = next + skip;
        say(text, parts[other], topic);
        parts[other] = parts[next];
    }
}

/* "... in 40 tokens", "... 100 words": what a question says about the length of its answer. */
static size_t wished_tokens(const char *question)
{
    char word[WORD_MAX];
    char before[WORD_MAX] = "";
    for (const char *at = next_word(question, word, sizeof(word)); *word;
         at = next_word(at, word, sizeof(word))) {
        if (strcmp(word, "tokens") == 0 || strcmp(word, "words") == 0) {
            unsigned long wish = strtoul(before, NULL, 10);
            if (wish > 0 && wish <= SIM_TOKENS_MAX) {
                return wish;
            }
        }
        memcpy(before, word, sizeof(before));
    }
    return 0;
}

static bool cut_in_tokens(struct answer *answer, size_t most)
{
    size_t whole = answer_count_tokens(answer->text.bytes);
    answer->count = whole < most ? whole : most;
    answer->cut = whole > most;
    answer->ends = malloc((answer->count + 1) * sizeof(*answer->ends));
    if (!answer->ends) {
        return false;
    }
    size_t end = 0;
    for (size_t i = 0; i < answer->count; i++) {
        end += answer_token(answer->text.bytes + end);
        answer->ends[i] = (uint32_t)end;
    }
    return true;
}

bool answer_compose(const struct sim *sim, const struct question *question, struct answer *answer)
{
    char topic[SIM_TOPIC_MAX];
    uint64_t state = sim_hash(sim->seed + question->turns, question->text);
    const struct phrases *phrases = choose(question->text);
    size_t exact = wished_tokens(question->text);
    exact = exact ? exact : sim->tokens;
    find_topic(question->text, topic, sizeof(topic));
    *answer = (struct answer){ 0 };
    struct text *text = &answer->text;
    say(text, draw_from(phrases->openings, &state), topic);
    size_t parts = phrases->least + sim_draw(&state) % (phrases->most - phrases->least + 1);
    say_parts(text, phrases, parts, topic, &state);
    while (exact && !text->failed && answer_count_tokens(text->bytes) < exact) {
        say_parts(text, phrases, PARTS_MAX, topic, &state);
    }
    say(text, draw_from(phrases->endings, &state), topic);
    size_t most = exact ? exact : SIM_TOKENS_MAX;
    bool done = !text->failed &&
                cut_in_tokens(answer, most < question->most_tokens ? most : question->most_tokens);
    if (exact && exact <= question->most_tokens) {
        answer->cut = false; /* it was told to end here */
    }
    if (!done) {
        answer_free(answer);
    }
    return done;
}

void answer_free(struct answer *answer)
{
    text_free(&answer->text);
    free(answer->ends);
    answer->ends = NULL;
}
