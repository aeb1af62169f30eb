/* Values of pthread_setspecific: each fiber's own, gone with it; OpenSSL's errors as their proof.
 */
#include "hook.h"

#include <dlfcn.h>
#include <threads.h>

static pthread_key_t key, plain;
static int destroyed;

static void destroy(void *value)
{
    destroyed += (int)(intptr_t)value;
    if ((intptr_t)value == 100)
        pthread_setspecific(key, (void *)1); /* sets it anew: a second round */
}

static int use_key(void *argument)
{
    intptr_t number = *(int *)argument;
    must(pthread_getspecific(key) == NULL, "nothing is there at first");
    must(pthread_setspecific(key, (void *)number) == 0, "it is set");
    for (int i = 0; i < 5; i++) {
        weft_yield();
        must(pthread_getspecific(key) == (void *)number, "it is what this fiber set");
    }
    return 0;
}

FIBER(own_values)
{
    {
        WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
        for (int i = 1; i <= 10; i++)
            weft_go(&scope, use_key, (int){ i });
        must(weft_scope_wait(&scope) == 0, "all ended");
    }
    ok(true, "ten fibers keep ten values");
    is_int(destroyed, 55, "the destructor gets each of them as its fiber ends");
    destroyed = 0;
    weft_join(weft_go(NULL, use_key, (int){ 100 }), NULL);
    is_int(destroyed, 101, "a destructor that sets the value anew gets it again");
    must(pthread_setspecific(plain, (void *)7) == 0, "a value");
    pthread_key_delete(plain);
    must(pthread_key_create(&plain, NULL) == 0, "the same key again");
    ok(pthread_getspecific(plain) == NULL, "a key that is made again has no old value");
    ok(pthread_setspecific(9999, NULL) == EINVAL && pthread_getspecific(9999) == NULL,
       "a key there is not");
    tss_t c11;
    must(tss_create(&c11, NULL) == thrd_success && tss_set(c11, &c11) == thrd_success, "tss");
    ok(tss_get(c11) == &c11, "C11's are the same");
    tss_delete(c11);
    return 0;
}

/* --- OpenSSL, loaded as any plug-in would be */

static unsigned long (*peek_error)(void);
static void (*put_error)(void);
static void (*set_error)(int library, int reason, const char *format, ...);

static int fail_in_openssl(void *argument)
{
    int reason = *(int *)argument;
    must(peek_error() == 0, "a fiber begins without errors");
    put_error();
    set_error(20, reason, NULL);
    weft_yield();
    weft_yield();
    return (peek_error() & 0x7fffff) == (unsigned)reason ? 0 : -1;
}

static void *openssl;

FIBER(errors_kept_apart)
{
    WEFT_AUTO(weft_scope) struct weft_scope scope = { 0 };
    for (int i = 1; i <= 5; i++)
        weft_go(&scope, fail_in_openssl, (int){ 100 + i });
    ok(weft_scope_wait(&scope) == 0, "each fiber reads OpenSSL's errors of its own making");
    ok(peek_error() == 0, "and this one none");
    return 0;
}

int main(void)
{
    must(pthread_key_create(&key, destroy) == 0 && pthread_key_create(&plain, NULL) == 0, "keys");
    pthread_setspecific(plain, (void *)5);
    in_runtime(own_values);
    openssl = dlopen("libcrypto.so.3", RTLD_NOW);
    if (openssl) {
        *(void **)&peek_error = dlsym(openssl, "ERR_peek_error");
        *(void **)&put_error = dlsym(openssl, "ERR_new");
        *(void **)&set_error = dlsym(openssl, "ERR_set_error");
        in_runtime(errors_kept_apart);
    } else {
        skip("libcrypto.so.3 is not installed");
    }
    return done_testing();
}
