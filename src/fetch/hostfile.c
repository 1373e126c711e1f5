#include "fetch/hostfile.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buffer.h"

enum { HOSTFILE_MAX = 64 << 20, HOSTFILE_NAME_MAX = 255 };

struct entry {
    struct address address;
    uint32_t hash;
    uint32_t next; /* index + 1 in the bucket, in the file's order; 0: none */
    uint32_t name; /* where it is in names */
    uint8_t len;
};

struct hostfile {
    struct entry *entries;
    size_t count, room;
    unsigned char *names; /* lower-case, one behind the other */
    size_t names_len;
    uint32_t *buckets; /* index + 1 of the first entry */
    size_t mask;       /* buckets - 1 */
};

static uint32_t name_hash(struct span name)
{
    uint32_t h = UINT32_C(2166136261);
    for (size_t i = 0; i < name.len; i++)
        h = (h ^ ascii_lower(name.data[i])) * UINT32_C(16777619);
    return h ^ h >> 15;
}

/* Takes the next word off `line`; empty at its end. */
static struct span word_next(struct span *line)
{
    *line = span_trim(*line);
    size_t n = 0;
    while (n < line->len && line->data[n] != ' ' && line->data[n] != '\t')
        n++;
    struct span word = span_make(line->data, n);
    line->data += n;
    line->len -= n;
    return word;
}

/* Takes the next line off `bytes`, without its comment and its end. */
static struct span line_next(struct span *bytes)
{
    const unsigned char *end = memchr(bytes->data, '\n', bytes->len);
    struct span line = span_make(bytes->data, end ? (size_t)(end - bytes->data) : bytes->len);
    size_t used = line.len + (end != NULL);
    bytes->data += used;
    bytes->len -= used;
    const unsigned char *comment = line.len ? memchr(line.data, '#', line.len) : NULL;
    if (comment)
        line.len = (size_t)(comment - line.data);
    if (line.len && line.data[line.len - 1] == '\r')
        line.len--;
    return line;
}

static bool address_read(struct address *ret, struct span word)
{
    char text[INET6_ADDRSTRLEN];
    if (word.len >= sizeof text)
        return false;
    memcpy(text, word.data, word.len);
    text[word.len] = 0;
    return address_parse(ret, text);
}

/* Adds a name; the room for its bytes is there. */
static int hostfile_add(struct hostfile *h, const struct address *address, struct span name)
{
    if (h->count == h->room) {
        size_t room = h->room ? h->room * 2 : 64;
        struct entry *entries = reallocarray(h->entries, room, sizeof *entries);
        if (!entries)
            return -1;
        h->entries = entries;
        h->room = room;
    }
    h->entries[h->count++] = (struct entry){.address = *address,
                                            .hash = name_hash(name),
                                            .name = (uint32_t)h->names_len,
                                            .len = (uint8_t)name.len};
    for (size_t i = 0; i < name.len; i++)
        h->names[h->names_len++] = ascii_lower(name.data[i]);
    return 0;
}

static int hostfile_add_line(struct hostfile *h, struct span line)
{
    struct address address;
    struct span name;
    if (!address_read(&address, word_next(&line)))
        return 0;
    while ((name = word_next(&line)).len > 0)
        if (name.len <= HOSTFILE_NAME_MAX && hostfile_add(h, &address, name) < 0)
            return -1;
    return 0;
}

/* Builds the buckets; from the last entry to the first, so that a bucket keeps the file's order. */
static int hostfile_index(struct hostfile *h)
{
    size_t buckets = 16;
    while (buckets < h->count)
        buckets *= 2;
    h->buckets = calloc(buckets, sizeof *h->buckets);
    if (!h->buckets)
        return -1;
    h->mask = buckets - 1;
    for (size_t i = h->count; i-- > 0;) {
        uint32_t *bucket = &h->buckets[h->entries[i].hash & h->mask];
        h->entries[i].next = *bucket;
        *bucket = (uint32_t)(i + 1);
    }
    return 0;
}

struct hostfile *hostfile_parse(struct span bytes)
{
    struct hostfile *h = calloc(1, sizeof *h);
    if (!h)
        return NULL;
    if (bytes.len > HOSTFILE_MAX)
        bytes.len = HOSTFILE_MAX;
    h->names = malloc(bytes.len + 1); /* names are fewer bytes than the file */
    bool ok = h->names != NULL;
    while (ok && bytes.len > 0)
        ok = hostfile_add_line(h, line_next(&bytes)) == 0;
    if (!ok || hostfile_index(h) < 0) {
        hostfile_free(h);
        return NULL;
    }
    return h;
}

struct hostfile *hostfile_load(const char *path)
{
    struct buffer b;
    ssize_t n = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    buffer_init(&b, HOSTFILE_MAX);
    while (fd >= 0 && buffer_reserve(&b, 4096) == 0 && (n = read(fd, b.data + b.len, b.cap - b.len)) > 0)
        b.len += (size_t)n;
    if (fd >= 0)
        close(fd);
    struct hostfile *h = hostfile_parse(buffer_span(&b));
    buffer_free(&b);
    return h;
}

void hostfile_free(struct hostfile *h)
{
    if (!h)
        return;
    free(h->entries);
    free(h->names);
    free(h->buckets);
    free(h);
}

static bool address_known(const struct address *a, const struct address *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (address_equal(a, &list[i]))
            return true;
    return false;
}

size_t hostfile_lookup(const struct hostfile *h, const char *name, int family, struct address *ret,
                       size_t max)
{
    struct span key = span_of(name);
    size_t found = 0;
    if (key.len > 1 && key.data[key.len - 1] == '.')
        key.len--;
    uint32_t hash = name_hash(key);
    for (uint32_t i = h->buckets[hash & h->mask]; i > 0 && found < max; i = h->entries[i - 1].next) {
        const struct entry *e = &h->entries[i - 1];
        if (e->hash == hash && span_equal_nocase(span_make(h->names + e->name, e->len), key) &&
            address_is(&e->address, family) && !address_known(&e->address, ret, found))
            ret[found++] = e->address;
    }
    return found;
}
