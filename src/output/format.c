#include "output/format.h"

int format_u64(struct buffer *b, uint64_t v)
{
    return buffer_put_decimal(b, v, 1);
}

int format_seconds(struct buffer *b, int64_t ns, unsigned decimals)
{
    uint64_t unit = 1, scale = 1;
    for (unsigned i = 0; i < 9; i++)
        *(i < decimals ? &scale : &unit) *= 10;
    uint64_t v = ((ns < 0 ? 0 : (uint64_t)ns) + unit / 2) / unit;
    if (buffer_put_decimal(b, v / scale, 1) < 0 || buffer_putc(b, '.') < 0)
        return -1;
    return buffer_put_decimal(b, v % scale, decimals);
}

/* The civil date of a day counted from 1970-01-01 (Gregorian; years of 400 × 365.2425 days that start in
 * March). */
static void civil(uint64_t days, unsigned *ret_year, unsigned *ret_month, unsigned *ret_day)
{
    uint64_t z = days + 719468;
    uint64_t era = z / 146097, of_era = z % 146097;
    uint64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    uint64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    uint64_t month = (5 * of_year + 2) / 153;
    *ret_day = (unsigned)(of_year - (153 * month + 2) / 5 + 1);
    *ret_month = (unsigned)(month < 10 ? month + 3 : month - 9);
    *ret_year = (unsigned)(year + era * 400 + (*ret_month <= 2));
}

static void put_field(char *into, unsigned width, uint64_t v)
{
    while (width--) {
        into[width] = (char)('0' + v % 10);
        v /= 10;
    }
}

int format_time(struct buffer *b, int64_t us)
{
    static const int64_t last = INT64_C(253402300799999999); /* 9999-12-31T23:59:59.999999Z */
    uint64_t t = (uint64_t)(us < 0 ? 0 : us > last ? last : us);
    uint64_t seconds = t / 1000000;
    unsigned year, month, day;
    civil(seconds / 86400, &year, &month, &day);
    char text[] = "0000-00-00T00:00:00.000000Z";
    put_field(text, 4, year);
    put_field(text + 5, 2, month);
    put_field(text + 8, 2, day);
    put_field(text + 11, 2, seconds / 3600 % 24);
    put_field(text + 14, 2, seconds / 60 % 60);
    put_field(text + 17, 2, seconds % 60);
    put_field(text + 20, 6, t % 1000000);
    return buffer_append(b, text, sizeof text - 1);
}

int format_bytes(struct buffer *b, uint64_t bytes)
{
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB", "PB", "EB"};
    if (bytes < 1000)
        return buffer_printf(b, "%u B", (unsigned)bytes);
    size_t unit = 0;
    double v = (double)bytes;
    while (v >= 999.5 && unit + 1 < sizeof units / sizeof units[0]) {
        v /= 1000;
        unit++;
    }
    int decimals = v < 9.995 ? 2 : v < 99.95 ? 1 : 0;
    return buffer_printf(b, "%.*f %s", decimals, v, units[unit]);
}
