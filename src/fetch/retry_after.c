#include "fetch/retry_after.h"

#include <stdio.h>
#include <time.h>

static int parse_seconds(struct span v, int64_t *ret)
{
    int64_t n = 0;
    for (size_t i = 0; i < v.len; i++) {
        if (v.data[i] < '0' || v.data[i] > '9')
            return -1;
        if (n < INT64_MAX / 20)
            n = n * 10 + (v.data[i] - '0');
    }
    *ret = n;
    return v.len ? 0 : -1;
}

static int month_of(const char *name)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (int i = 0; i < 12; i++)
        if (memcmp(months + 3 * i, name, 3) == 0)
            return i;
    return -1;
}

/* A year of two digits that seems to be more than 50 years ahead is of the last century (RFC 9110 5.6.7). */
static int full_year(int year, int64_t now_s)
{
    struct tm now;
    time_t t = (time_t)now_s;
    gmtime_r(&t, &now);
    int this_year = now.tm_year + 1900;
    int full = this_year / 100 * 100 + year;
    return full > this_year + 50 ? full - 100 : full;
}

/* IMF-fixdate, RFC 850 and asctime. */
static int parse_date(struct span v, int64_t now_s, int64_t *ret)
{
    char text[64], month[4] = "";
    struct tm tm = {0};
    int year = 0;
    if (v.len == 0 || v.len >= sizeof text)
        return -1;
    memcpy(text, v.data, v.len);
    text[v.len] = 0;
    if (sscanf(text, "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT", &tm.tm_mday, month, &year,
               &tm.tm_hour, &tm.tm_min, &tm.tm_sec) == 6)
        ;
    else if (sscanf(text, "%*9[A-Za-z], %2d-%3[A-Za-z]-%2d %2d:%2d:%2d GMT", &tm.tm_mday, month, &year,
                    &tm.tm_hour, &tm.tm_min, &tm.tm_sec) == 6)
        year = full_year(year, now_s);
    else if (sscanf(text, "%*3[A-Za-z] %3[A-Za-z] %2d %2d:%2d:%2d %4d", month, &tm.tm_mday, &tm.tm_hour,
                    &tm.tm_min, &tm.tm_sec, &year) != 6)
        return -1;
    tm.tm_mon = month_of(month);
    if (tm.tm_mon < 0 || year < 1970 || tm.tm_mday < 1 || tm.tm_mday > 31)
        return -1;
    tm.tm_year = year - 1900;
    *ret = (int64_t)timegm(&tm);
    return 0;
}

int retry_after_parse(struct span value, int64_t now_s, int64_t *ret_seconds)
{
    int64_t at;
    value = span_trim(value);
    if (parse_seconds(value, ret_seconds) == 0)
        return 0;
    if (parse_date(value, now_s, &at) < 0)
        return -1;
    *ret_seconds = at > now_s ? at - now_s : 0;
    return 0;
}
