/*
 * Ask a model from the command line: llm_libcurl "Why is the sky blue?"
 *
 * OPENAI_BASE_URL (default https://api.openai.com/v1), OPENAI_API_KEY and OPENAI_MODEL choose who
 * answers.
 */
#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

/* llm_client.c */
int llm_stream(const char *base_url, const char *api_key, const char *request_json,
               int (*on_token)(void *context, const char *text, size_t length), void *context,
               char *error, size_t error_size);

static int print_token(void *context, const char *text, size_t length)
{
    FILE *stream = context;
    if (length == 0) {
        return fflush(stream); /* nothing more for now */
    }
    return fwrite(text, 1, length, stream) == length ? 0 : -1;
}

static char *make_request(const char *model, const char *question)
{
    cJSON *request = cJSON_CreateObject();
    cJSON_AddStringToObject(request, "model", model);
    cJSON_AddTrueToObject(request, "stream");
    cJSON *message = cJSON_CreateObject();
    cJSON_AddStringToObject(message, "role", "user");
    cJSON_AddStringToObject(message, "content", question);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(request, "messages"), message);
    char *json = cJSON_PrintUnformatted(request);
    cJSON_Delete(request);
    return json;
}

static const char *setting(const char *name, const char *usual)
{
    const char *value = getenv(name);
    return value && *value ? value : usual;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: llm_libcurl QUESTION\n");
        return 2;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    char *request = make_request(setting("OPENAI_MODEL", "gpt-4o-mini"), argv[1]);
    char error[512] = "";
    int result = -1;
    if (request) {
        result = llm_stream(setting("OPENAI_BASE_URL", "https://api.openai.com/v1"),
                            setting("OPENAI_API_KEY", ""), request, print_token, stdout, error,
                            sizeof(error));
    }
    if (result == 0) {
        putchar('\n');
    } else {
        const char *reason = !request     ? "out of memory"
                             : result > 0 ? "the output is closed"
                                          : error;
        fprintf(stderr, "\nllm_libcurl: %s\n", reason);
    }
    free(request);
    curl_global_cleanup();
    return result != 0;
}
