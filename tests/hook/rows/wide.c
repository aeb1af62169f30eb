/* Rows: wide streams on pipes. */
#include "streams.h"

#include <stdarg.h>
#include <wchar.h>

int __vfwprintf_chk(FILE *stream, int flag, const wchar_t *format, va_list arguments);
int __vwprintf_chk(int flag, const wchar_t *format, va_list arguments);
int iso_vfwscanf(FILE *stream, const wchar_t *format, va_list list) __asm__("__isoc99_vfwscanf");
int iso_vwscanf(const wchar_t *format, va_list list) __asm__("__isoc99_vwscanf");
int iso_fwscanf(FILE *stream, const wchar_t *format, ...) __asm__("__isoc99_fwscanf");
int iso_wscanf(const wchar_t *format, ...) __asm__("__isoc99_wscanf");
int plain_vfwscanf(FILE *stream, const wchar_t *format, va_list list) __asm__("vfwscanf");
int plain_vwscanf(const wchar_t *format, va_list list) __asm__("vwscanf");
int plain_fwscanf(FILE *stream, const wchar_t *format, ...) __asm__("fwscanf");
int plain_wscanf(const wchar_t *format, ...) __asm__("wscanf");

/* WEOF is -1 of a type without a sign. */
static long character(wint_t found)
{
    return found == WEOF ? -1 : (long)found;
}

static wchar_t *wide_bytes(void)
{
    return (wchar_t *)(void *)place.bytes;
}

static long by_list(int (*scan)(FILE *stream, const wchar_t *format, va_list list), ...)
{
    va_list list;
    va_start(list, scan);
    int count = scan(place.stream, L"%3s", list);
    va_end(list);
    return count;
}

static long by_list_standard(int (*scan)(const wchar_t *format, va_list list), ...)
{
    va_list list;
    va_start(list, scan);
    int count = scan(L"%3s", list);
    va_end(list);
    return count;
}

ROW(fgetwc, reading, character(fgetwc(place.stream)))
ROW(fgetwc_unlocked, reading, character(fgetwc_unlocked(place.stream)))
ROW(getwchar, reading, character(getwchar()))
ROW(getwchar_unlocked, reading, character(getwchar_unlocked()))
ROW(fgetws, reading, fgetws(wide_bytes(), 8, place.stream) != NULL)
ROW(fgetws_unlocked, reading, fgetws_unlocked(wide_bytes(), 8, place.stream) != NULL)
ROW(fwscanf, reading, plain_fwscanf(place.stream, L"%3s", place.bytes))
ROW(wscanf, reading, plain_wscanf(L"%3s", place.bytes))
ROW(vfwscanf, reading, by_list(plain_vfwscanf, place.bytes))
ROW(vwscanf, reading, by_list_standard(plain_vwscanf, place.bytes))
ROW(__isoc99_fwscanf, reading, iso_fwscanf(place.stream, L"%3s", place.bytes))
ROW(__isoc99_wscanf, reading, iso_wscanf(L"%3s", place.bytes))
ROW(__isoc99_vfwscanf, reading, by_list(iso_vfwscanf, place.bytes))
ROW(__isoc99_vwscanf, reading, by_list_standard(iso_vwscanf, place.bytes))

static long put(int result)
{
    return result < 0 ? -1 : 0;
}

static long listed(int which, const wchar_t *format, ...)
{
    int size = -100;
    va_list list;
    va_start(list, format);
    switch (which) {
    case 0:
        size = vfwprintf(place.stream, format, list);
        break;
    case 1:
        size = vwprintf(format, list);
        break;
    case 2:
        size = __vfwprintf_chk(place.stream, 1, format, list);
        break;
    case 3:
        size = __vwprintf_chk(1, format, list);
        break;
    }
    va_end(list);
    return size;
}

ROW(fputwc, writing, character(fputwc(L'x', place.stream)))
ROW(fputwc_unlocked, writing, character(fputwc_unlocked(L'x', place.stream)))
ROW(putwchar, writing, character(putwchar(L'x')))
ROW(putwchar_unlocked, writing, character(putwchar_unlocked(L'x')))
ROW(fputws, writing, put(fputws(L"wxyz", place.stream)))
ROW(fputws_unlocked, writing, put(fputws_unlocked(L"wxyz", place.stream)))
ROW(wprintf, writing, wprintf(L"%d", 7))
ROW(fwprintf, writing, fwprintf(place.stream, L"%d", 7))
ROW(vfwprintf, writing, listed(0, L"%d", 7))
ROW(vwprintf, writing, listed(1, L"%d", 7))
ROW(__vfwprintf_chk, writing, listed(2, L"%d", 7))
ROW(__vwprintf_chk, writing, listed(3, L"%d", 7))
