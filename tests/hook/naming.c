/* Name look-ups: the real answers, parked, and left behind when cancelled. */
#include "hook.h"

#include <arpa/inet.h>
#include <netdb.h>

static void describe(const struct addrinfo *list, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (const struct addrinfo *item = list; item && used < size; item = item->ai_next) {
        char host[64], port[16];
        getnameinfo(item->ai_addr, item->ai_addrlen, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV);
        used +=
            (size_t)snprintf(text + used, size - used, "%s:%s/%d ", host, port, item->ai_socktype);
    }
}

struct question {
    const char *node, *service;
    int flags, family;
};

static const struct question questions[] = {
    { "localhost", "80", 0, AF_UNSPEC },
    { "localhost", "http", 0, AF_INET },
    { "127.0.0.1", "80", 0, AF_UNSPEC },
    { "::1", "443", AI_NUMERICHOST, AF_UNSPEC },
    { NULL, "8080", AI_PASSIVE, AF_INET },
    { "not a name", "80", AI_NUMERICHOST, AF_UNSPEC },
    { "no-such-host.invalid", NULL, 0, AF_UNSPEC },
    { "127.0.0.1", "no-such-service", 0, AF_UNSPEC },
    { NULL, NULL, 0, AF_UNSPEC },
    { "127.1", "80", 0, AF_UNSPEC },
};

struct answer {
    int status;
    char text[512];
};

static struct answer answers[2][COUNT(questions)];

static void ask(struct answer *answers_)
{
    for (size_t i = 0; i < COUNT(questions); i++) {
        struct addrinfo hints = { .ai_flags = questions[i].flags,
                                  .ai_family = questions[i].family };
        struct addrinfo *result = NULL;
        answers_[i].status = getaddrinfo(questions[i].node, questions[i].service, &hints, &result);
        describe(result, answers_[i].text, sizeof answers_[i].text);
        if (answers_[i].status == 0)
            freeaddrinfo(result);
    }
}

FIBER(ask_in_fiber)
{
    ask(answers[1]);
    return 0;
}

static void same_answers(void)
{
    ask(answers[0]);
    in_runtime(ask_in_fiber);
    for (size_t i = 0; i < COUNT(questions); i++) {
        const char *node = questions[i].node ? questions[i].node : "(none)";
        is_int(answers[1][i].status, answers[0][i].status, "getaddrinfo of %s as outside", node);
        is_str(answers[1][i].text, answers[0][i].text, "and its addresses, in order");
    }
}

static char host_name[2][256];
static int host_status[2];

static void ask_host(int which)
{
    struct hostent host, *result = NULL;
    char memory[1024];
    int error = 0;
    host_status[which] =
        gethostbyname_r("localhost", &host, memory, sizeof memory, &result, &error);
    if (result) {
        bool inside = host.h_name >= memory && host.h_name < memory + sizeof memory;
        char address[64] = "";
        inet_ntop(host.h_addrtype, host.h_addr_list[0], address, sizeof address);
        snprintf(host_name[which], sizeof host_name[which], "%s %s %d %d", host.h_name, address,
                 host.h_length, inside);
    }
    char tiny[4];
    is_int(gethostbyname_r("localhost", &host, tiny, sizeof tiny, &result, &error), ERANGE,
           "gethostbyname_r with no room");
    struct hostent *kept = gethostbyname("localhost");
    ok(kept && strcmp(kept->h_name, "localhost") == 0, "gethostbyname");
    struct in_addr loopback = { htonl(INADDR_LOOPBACK) };
    kept = gethostbyaddr(&loopback, sizeof loopback, AF_INET);
    ok(kept && strcmp(kept->h_name, "localhost") == 0, "gethostbyaddr");
    ok(gethostbyname("no-such-host.invalid") == NULL && h_errno != 0, "and one there is not");
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(80),
                                   .sin_addr = loopback };
    char name[256], service[64];
    ok(getnameinfo((struct sockaddr *)&address, sizeof address, name, sizeof name, service,
                   sizeof service, 0) == 0 &&
           strcmp(name, "localhost") == 0 && strcmp(service, "http") == 0,
       "getnameinfo");
}

FIBER(ask_host_in_fiber)
{
    ask_host(1);
    return 0;
}

static long look_up(int unused)
{
    (void)unused;
    struct addrinfo *result = NULL;
    int status = getaddrinfo("localhost", "http", NULL, &result);
    if (status == 0)
        freeaddrinfo(result);
    return status;
}

static int others_ran;

FIBER(runs_meanwhile)
{
    others_ran++;
    return 0;
}

FIBER(parks)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { .keep_going = true };
    struct trial trial = { .call = look_up };
    struct weft_task *task = trial_start(&scope, &trial);
    bool parked = !trial.ended;
    weft_go(&scope, runs_meanwhile, NOTHING);
    trial_join(task);
    ok(parked && others_ran == 1 && trial.result == 0 && trial.error == UNTOUCHED,
       "a look-up parks (%ld, errno %d)", trial.result, trial.error);
    int left = 0;
    for (int i = 0; i < 50; i++) {
        struct trial cut = { .call = look_up };
        task = trial_start(&scope, &cut);
        weft_cancel(task);
        trial_join(task);
        bool cancelled = cut.result == EAI_SYSTEM && cut.error == ECANCELED;
        must(cancelled || cut.result == 0, "cancelled, or it was faster");
        left += cancelled;
    }
    ok(left > 0, "cancelled look-ups leave before their answer is there (%d of 50)", left);
    enum {
        MANY = 300
    };
    static struct trial many[MANY];
    static struct weft_task *tasks[MANY];
    for (int i = 0; i < MANY; i++) {
        many[i] = (struct trial){ .call = look_up };
        tasks[i] = trial_start(&scope, &many[i]);
    }
    int good = 0;
    for (int i = 0; i < MANY; i++) {
        trial_join(tasks[i]);
        good += many[i].result == 0;
    }
    is_int(good, MANY, "300 at once");
    return 0;
}

int main(void)
{
    same_answers();
    ask_host(0);
    in_runtime(ask_host_in_fiber);
    is_int(host_status[1], host_status[0], "gethostbyname_r as outside");
    is_str(host_name[1], host_name[0], "and its answer, all in the caller's buffer");
    in_runtime(parks);
    return done_testing();
}
