#include "dns.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "wire.h"

enum { TYPE_A = 1, TYPE_CNAME = 5, TYPE_AAAA = 28, RECORDS_MAX = 4096, MESSAGE_MAX = 4096 };
enum { CODE_SERVFAIL = 2, CODE_NXDOMAIN = 3, CODE_REFUSED = 5 };

struct record {
    char *name, *type, *values;
};

struct zone {
    struct record records[RECORDS_MAX];
    int count;
};

struct dns {
    struct origin *o;
    struct zone *zone;
    int udp, tcp;
};

struct query {
    struct dns *dns;
    unsigned char data[MESSAGE_MAX];
    size_t len, end; /* of the message, of its question */
    char name[NAME_MAX_LEN];
    unsigned type;
    bool tcp;
    int fd;
    struct sockaddr_storage from;
    socklen_t from_len;
};

struct zone *zone_read(const char *path)
{
    FILE *f = fopen(path, "re");
    struct zone *z = f ? calloc(1, sizeof *z) : NULL;
    char *line = NULL;
    size_t cap = 0;
    while (z && getline(&line, &cap, f) > 0 && z->count < RECORDS_MAX) {
        char *rest = NULL, *name = strtok_r(line, " \t\n", &rest), *type = strtok_r(NULL, " \t\n", &rest);
        if (!name || *name == '#' || !type)
            continue;
        rest[strcspn(rest, "\n")] = 0;
        z->records[z->count++] = (struct record){strdup(name), strdup(type), strdup(rest)};
    }
    free(line);
    if (f)
        fclose(f);
    return z;
}

static bool name_fits(const char *pattern, const char *name)
{
    if (strncmp(pattern, "*.", 2) != 0)
        return strcasecmp(pattern, name) == 0;
    size_t tail = strlen(pattern + 1), len = strlen(name);
    return len > tail && strcasecmp(name + len - tail, pattern + 1) == 0;
}

/* The question's name in text, and its type. 0, or -1. */
static int query_parse(struct query *q)
{
    size_t at = 12, to = 0;
    if (q->len < 17 || q->data[5] != 1)
        return -1;
    while (at < q->len && q->data[at]) {
        size_t n = q->data[at++];
        if (n > 63 || at + n >= q->len || to + n + 2 > sizeof q->name)
            return -1;
        if (to)
            q->name[to++] = '.';
        memcpy(q->name + to, q->data + at, n);
        to += n;
        at += n;
    }
    q->name[to] = 0;
    if (at + 5 > q->len)
        return -1;
    q->type = (unsigned)(q->data[at + 1] << 8 | q->data[at + 2]);
    q->end = at + 5;
    return 0;
}

static void put16(struct buffer *b, unsigned n)
{
    buffer_putc(b, (unsigned char)(n >> 8));
    buffer_putc(b, (unsigned char)n);
}

static void put_name(struct buffer *b, const char *name)
{
    while (*name) {
        size_t n = strcspn(name, ".");
        buffer_putc(b, (unsigned char)n);
        buffer_append(b, name, n);
        name += n + (name[n] == '.');
    }
    buffer_putc(b, 0);
}

static void put_record(struct buffer *b, const char *owner, unsigned type, const void *data, size_t len)
{
    put_name(b, owner);
    put16(b, type);
    put16(b, 1);
    put16(b, 0);
    put16(b, 30);
    put16(b, (unsigned)len);
    buffer_append(b, data, len);
}

/* Adds the addresses of a line to the answer; their number. */
static unsigned put_addresses(struct buffer *b, const struct record *r, const char *owner, unsigned type)
{
    unsigned count = 0;
    char *values = strdup(r->values), *rest = NULL;
    for (char *v = strtok_r(values, " \t", &rest); v; v = strtok_r(NULL, " \t", &rest)) {
        unsigned char address[16];
        if (inet_pton(type == TYPE_A ? AF_INET : AF_INET6, v, address) != 1)
            continue;
        put_record(b, owner, type, address, type == TYPE_A ? 4 : 16);
        count++;
    }
    free(values);
    return count;
}

static unsigned put_cname(struct buffer *b, const char *owner, const char *to)
{
    struct buffer name;
    buffer_init(&name, 300);
    put_name(&name, to);
    put_record(b, owner, TYPE_CNAME, name.data, name.len);
    buffer_free(&name);
    return 1;
}

/* What a walk over the lines came to. */
struct answer {
    struct buffer records;
    unsigned count, code;
    bool known, silent, cut, garbage, wrong_id, wrong_question;
};

/* Lines that say how to answer, not what. True if it was one of them and the walk ends there. */
static bool answer_manner(struct query *q, const struct record *r, struct answer *a)
{
    char key[NAME_MAX_LEN + 16];
    if (strcmp(r->type, "NXDOMAIN") == 0)
        a->code = CODE_NXDOMAIN;
    else if (strcmp(r->type, "SERVFAIL") == 0)
        a->code = CODE_SERVFAIL;
    else if (strcmp(r->type, "REFUSED") == 0)
        a->code = CODE_REFUSED;
    else if (strcmp(r->type, "SILENCE") == 0)
        a->silent = true;
    else if (strcmp(r->type, "GARBAGE") == 0)
        a->garbage = true;
    else
        return false;
    (void)q;
    (void)key;
    return true;
}

static void answer_walk(struct query *q, const char *name, struct answer *a, int depth)
{
    struct zone *z = q->dns->zone;
    char key[NAME_MAX_LEN + 16];
    for (int i = 0; i < z->count; i++) {
        const struct record *r = &z->records[i];
        if (!name_fits(r->name, name))
            continue;
        a->known = true;
        if (answer_manner(q, r, a))
            return;
        if (strcmp(r->type, "DELAY") == 0)
            sleep_ms(atol(r->values));
        else if (strcmp(r->type, "TRUNCATE") == 0)
            a->cut = !q->tcp;
        else if (strcmp(r->type, "WRONGID") == 0)
            a->wrong_id = true;
        else if (strcmp(r->type, "WRONGQUESTION") == 0)
            a->wrong_question = true;
        else if (strcmp(r->type, "FLAKY") == 0) {
            snprintf(key, sizeof key, "dns %u %s", q->type, name);
            a->silent = state_count(q->dns->o->state, key) < (unsigned)atoi(r->values);
            if (a->silent)
                return;
        } else if ((strcmp(r->type, "A") == 0 && q->type == TYPE_A) ||
                   (strcmp(r->type, "AAAA") == 0 && q->type == TYPE_AAAA))
            a->count += put_addresses(&a->records, r, name, q->type);
        else if (strcmp(r->type, "CNAME") == 0) {
            a->count += put_cname(&a->records, name, r->values + strspn(r->values, " "));
            if (depth < 20)
                answer_walk(q, r->values + strspn(r->values, " "), a, depth + 1);
            return;
        }
    }
}

/* The whole message: header, question, records (RFC 1035 4.1). */
static void answer_build(struct query *q, struct answer *a, struct buffer *out)
{
    unsigned id = (unsigned)(q->data[0] << 8 | q->data[1]);
    put16(out, a->wrong_id ? id ^ 0x5555 : id);
    put16(out, 0x8480U | (a->cut ? 0x200U : 0U) | (q->data[2] & 1U) << 8 | a->code);
    put16(out, 1);
    put16(out, a->cut ? 0 : a->count);
    put16(out, 0);
    put16(out, 0);
    if (a->wrong_question) {
        put_name(out, "elsewhere.test");
        put16(out, q->type);
        put16(out, 1);
    } else {
        buffer_append(out, q->data + 12, q->end - 12);
    }
    if (!a->cut && a->records.len)
        buffer_append(out, a->records.data, a->records.len);
    if (a->garbage)
        for (size_t i = 2; i < out->len; i++)
            out->data[i] = (unsigned char)(i * 91);
}

/* One question, answered where it came from. Runs in a thread of its own, since it may wait. */
static void query_answer(struct query *q)
{
    struct answer a = {.known = false};
    struct buffer out;
    char note[NAME_MAX_LEN + 40];
    if (query_parse(q) < 0)
        return;
    snprintf(note, sizeof note, "%s %s %s", q->name,
             q->type == TYPE_A      ? "A"
             : q->type == TYPE_AAAA ? "AAAA"
                                    : "other",
             q->tcp ? "tcp" : "udp");
    journal_note(q->dns->o, "dns", note);
    buffer_init(&a.records, 60000);
    buffer_init(&out, 65535);
    answer_walk(q, q->name, &a, 0);
    if (!a.known)
        a.code = CODE_NXDOMAIN;
    answer_build(q, &a, &out);
    if (!a.silent && q->tcp) {
        struct wire w = {.fd = q->fd};
        unsigned char len[2] = {(unsigned char)(out.len >> 8), (unsigned char)out.len};
        if (wire_write(&w, len, 2) == 0)
            wire_write(&w, out.data, out.len);
    } else if (!a.silent) {
        sendto(q->fd, out.data, out.len, 0, (struct sockaddr *)&q->from, q->from_len);
    }
    buffer_free(&a.records);
    buffer_free(&out);
}

static void *udp_thread(void *arg)
{
    struct query *q = arg;
    query_answer(q);
    free(q);
    return NULL;
}

static void *tcp_thread(void *arg)
{
    struct query *q = arg;
    struct wire w = {.fd = q->fd};
    for (;;) {
        unsigned char len[2];
        if (recv(q->fd, len, 2, MSG_WAITALL) != 2)
            break;
        q->len = (size_t)(len[0] << 8 | len[1]);
        if (q->len > sizeof q->data || recv(q->fd, q->data, q->len, MSG_WAITALL) != (ssize_t)q->len)
            break;
        query_answer(q);
    }
    wire_close(&w);
    free(q);
    return NULL;
}

static void thread_start(void *(*run)(void *), void *arg)
{
    pthread_attr_t attr;
    pthread_t thread;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &attr, run, arg) != 0)
        abort();
    pthread_attr_destroy(&attr);
}

static void *udp_serve(void *arg)
{
    struct dns *d = arg;
    for (;;) {
        struct query *q = calloc(1, sizeof *q);
        if (!q)
            abort();
        q->dns = d;
        q->fd = d->udp;
        q->from_len = sizeof q->from;
        ssize_t n = recvfrom(d->udp, q->data, sizeof q->data, 0, (struct sockaddr *)&q->from, &q->from_len);
        if (n <= 0) {
            free(q);
            continue;
        }
        q->len = (size_t)n;
        thread_start(udp_thread, q);
    }
    return NULL;
}

static void *tcp_serve(void *arg)
{
    struct dns *d = arg;
    for (;;) {
        /* cppcheck-suppress nullPointer ; accept4 allows it */
        int fd = accept4(d->tcp, NULL, NULL, SOCK_CLOEXEC);
        struct query *q = fd >= 0 ? calloc(1, sizeof *q) : NULL;
        if (!q)
            continue;
        q->dns = d;
        q->fd = fd;
        q->tcp = true;
        thread_start(tcp_thread, q);
    }
    return NULL;
}

int dns_start(struct origin *o, struct zone *zone, int udp, int tcp)
{
    struct dns *d = calloc(1, sizeof *d);
    if (!d)
        return -1;
    *d = (struct dns){o, zone, udp, tcp};
    thread_start(udp_serve, d);
    thread_start(tcp_serve, d);
    return 0;
}
