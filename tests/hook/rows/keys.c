/* Rows: values of a flow of control. */
#include "rows.h"

static pthread_key_t key;
static tss_t c_key;

static void prepare_keys(void)
{
    must(pthread_key_create(&key, NULL) == 0 && tss_create(&c_key, NULL) == thrd_success, "keys");
}

static void finish_keys(void)
{
    pthread_key_delete(key);
    tss_delete(c_key);
}

static const struct setting keys = { .prepare = prepare_keys,
                                     .finish = finish_keys,
                                     .traits = STILL };

static long made_and_deleted(void)
{
    pthread_key_t other;
    int error = pthread_key_create(&other, NULL);
    return error ? error : pthread_key_delete(other);
}

static long c_made_and_deleted(void)
{
    tss_t other;
    int error = tss_create(&other, NULL);
    if (error == thrd_success)
        tss_delete(other);
    return error;
}

static long told(void)
{
    int error = pthread_setspecific(key, place.bytes);
    return error ? error : pthread_getspecific(key) == place.bytes;
}

static long c_told(void)
{
    int error = tss_set(c_key, place.bytes);
    return error != thrd_success ? error : tss_get(c_key) == place.bytes;
}

ROW(pthread_key_create, still, made_and_deleted())
ROW(pthread_key_delete, still, pthread_key_delete(4711))
ROW(pthread_setspecific, still, pthread_setspecific(4711, place.bytes))
ROW(pthread_setspecific, keys, pthread_setspecific(key, place.bytes))
ROW(pthread_getspecific, keys, told())
ROW(tss_create, still, c_made_and_deleted())
ROW(tss_delete, still, c_made_and_deleted())
ROW(tss_set, keys, tss_set(c_key, place.bytes))
ROW(tss_get, keys, c_told())
