#include "config.h"

#include "fetch/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BUNDLE_MAX = 16 * 1024 * 1024,
    LINE_MOST = 128, /* base64 in a line: 64 as a rule; OpenSSL cuts lines at 254 */
};

/* A part of a DER encoding: what is left to read of it. */
struct der {
    const unsigned char *data;
    size_t len;
};

struct entry {
    struct der cert, subject; /* within the bundle's `der`; the subject with its head */
    uint64_t hash;            /* subject_hash */
};

struct bundle {
    unsigned char *der; /* all certificates, one after the other */
    size_t used;
    struct entry *entries;
    size_t count, cap;
    OSSL_LIB_CTX *context;
    X509_LOOKUP_METHOD *method;
};

/* Subjects. Names are compared by OpenSSL, who takes "A  B" and "a b" for the same; the hash only says which
 * certificates need not be looked at. So it goes over what that can't change: ASCII letters and digits, of
 * which the strings of the usual types have the same ones in every encoding. */

#define HASH_ANY 0 /* may be any name */

/* Takes one element off `d`: its tag, and its contents in *ret. -1: there is none, or not a plain one. */
static int der_take(struct der *d, struct der *ret)
{
    if (d->len < 2 || (d->data[0] & 0x1f) == 0x1f)
        return -1;
    int tag = d->data[0];
    size_t len = d->data[1], head = 2;
    if (len >= 0x80) {
        size_t bytes = len & 0x7f;
        if (bytes < 1 || bytes > 3 || d->len - 2 < bytes)
            return -1;
        for (len = 0; head < 2 + bytes; head++)
            len = len << 8 | d->data[head];
    }
    if (d->len - head < len)
        return -1;
    *ret = (struct der){d->data + head, len};
    d->data += head + len;
    d->len -= head + len;
    return tag;
}

static bool is_letter_or_digit(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* FNV-1a, letters as small ones. */
static uint64_t hash_text(uint64_t hash, struct der text)
{
    for (size_t i = 0; i < text.len; i++)
        if (is_letter_or_digit(text.data[i]))
            hash =
                (hash ^ (text.data[i] >= 'A' && text.data[i] <= 'Z' ? text.data[i] | 0x20u : text.data[i])) *
                0x100000001b3;
    return hash;
}

/* True for the types of strings that are one byte a letter as far as ASCII goes. */
static bool is_text(int tag)
{
    return tag == V_ASN1_UTF8STRING || tag == V_ASN1_PRINTABLESTRING || tag == V_ASN1_T61STRING ||
           tag == V_ASN1_IA5STRING || tag == V_ASN1_VISIBLESTRING;
}

enum {
    DER_INTEGER = 0x02,
    DER_BITS = 0x03,
    DER_OID = 0x06,
    DER_SEQUENCE = 0x30,
    DER_SET = 0x31,
    DER_VERSION = 0xa0,
};

/* The hash of a Name: the contents of its sequence. */
static uint64_t subject_hash(struct der name)
{
    uint64_t hash = 0xcbf29ce484222325;
    struct der set, pair, part;
    while (name.len > 0) {
        if (der_take(&name, &set) != DER_SET || der_take(&set, &pair) != DER_SEQUENCE || set.len > 0 ||
            der_take(&pair, &part) != DER_OID || !is_text(der_take(&pair, &part)))
            return HASH_ANY;
        hash = hash_text(hash, part);
    }
    return hash == HASH_ANY ? 1 : hash;
}

/* The parts of what is signed in a certificate, by their tags (RFC 5280, 4.1), up to what may be left out. */
static const int body_tags[] = {DER_INTEGER,  DER_SEQUENCE, DER_SEQUENCE,
                                DER_SEQUENCE, DER_SEQUENCE, DER_SEQUENCE};
enum { BODY_SUBJECT = 4, BODY_TAGS = sizeof body_tags / sizeof *body_tags };

/* Finds the subject in the body of e's certificate. -1: its parts are not those of one. */
static int body_index(struct entry *e, struct der body)
{
    struct der part;
    if (body.len > 0 && body.data[0] == DER_VERSION)
        (void)der_take(&body, &part);
    for (int i = 0; i < BODY_TAGS; i++) {
        struct der from = body;
        if (der_take(&body, &part) != body_tags[i])
            return -1;
        if (i != BODY_SUBJECT)
            continue;
        e->subject = (struct der){from.data, from.len - body.len};
        e->hash = subject_hash(part);
    }
    while (body.len > 0)
        if (der_take(&body, &part) < 0)
            return -1;
    return 0;
}

/* Finds the subject in e->cert. -1: it is no certificate in DER, or there is more. */
static int entry_index(struct entry *e)
{
    struct der cert = e->cert, whole, body, part;
    if (der_take(&cert, &whole) != DER_SEQUENCE || cert.len > 0 || der_take(&whole, &body) != DER_SEQUENCE ||
        body_index(e, body) < 0)
        return -1;
    int algorithm = der_take(&whole, &part), signature = der_take(&whole, &part);
    return algorithm == DER_SEQUENCE && signature == DER_BITS && whole.len == 0 ? 0 : -1;
}

/* Reading. */

/* The six bits that `c` stands for; 64: none. */
static unsigned base64_value(unsigned char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - (unsigned)'A';
    if (c >= 'a' && c <= 'z')
        return c - (unsigned)'a' + 26;
    if (c >= '0' && c <= '9')
        return c - (unsigned)'0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : 64;
}

/* Decodes whole lines of base64, behind what `into` holds. -1: it is none, or a line is empty or very long,
 * with which OpenSSL has rules of its own. */
static int base64_put(unsigned char *into, size_t *used, const unsigned char *text, size_t len)
{
    unsigned values[256];
    uint32_t bits = 0;
    unsigned have = 0, padding = 0;
    size_t line = 0; /* where it began */
    for (unsigned c = 0; c < 256; c++)
        values[c] = base64_value((unsigned char)c);
    for (size_t i = 0; i < len; i++) {
        while (have == 0 && padding == 0 && len - i > 4) { /* four letters in a row, as nearly all are */
            unsigned a = values[text[i]], b = values[text[i + 1]], c = values[text[i + 2]],
                     d = values[text[i + 3]];
            if ((a | b | c | d) & 64)
                break;
            bits = a << 18 | b << 12 | c << 6 | d;
            into[(*used)++] = (unsigned char)(bits >> 16);
            into[(*used)++] = (unsigned char)(bits >> 8);
            into[(*used)++] = (unsigned char)bits;
            i += 4;
        }
        unsigned value = values[text[i]];
        if (value == 64) {
            if (text[i] == '=' && ++padding <= 2)
                continue;
            if (i == line || i - line > LINE_MOST)
                return -1;
            if (text[i] == '\n')
                line = i + 1;
            else if (text[i] != '\r' || i + 1 == len || text[i + 1] != '\n')
                return -1;
            continue;
        }
        if (padding)
            return -1;
        bits = bits << 6 | value;
        if (++have == 4) {
            into[(*used)++] = (unsigned char)(bits >> 16);
            into[(*used)++] = (unsigned char)(bits >> 8);
            into[(*used)++] = (unsigned char)bits;
            have = 0;
        }
    }
    if (have == 1 || (have + padding) % 4 != 0 || line != len)
        return -1;
    if (have >= 2)
        into[(*used)++] = (unsigned char)(bits >> (have == 2 ? 4 : 10));
    if (have == 3)
        into[(*used)++] = (unsigned char)(bits >> 2);
    return 0;
}

/* One more certificate: its DER form lies behind `start`. */
static int entry_add(struct bundle *b, size_t start)
{
    if (b->count == b->cap) {
        size_t cap = b->cap ? b->cap * 2 : 256;
        struct entry *entries = reallocarray(b->entries, cap, sizeof *entries);
        if (!entries)
            return -1;
        b->entries = entries;
        b->cap = cap;
    }
    struct entry e = {.cert = {b->der + start, b->used - start}};
    if (entry_index(&e) < 0)
        return -1;
    b->entries[b->count++] = e;
    return 0;
}

/* Takes `word` and then the end of the line off `at`. NULL: something else is there. */
static const char *line_take(const char *at, const char *word)
{
    size_t len = strlen(word);
    if (strncmp(at, word, len) != 0)
        return NULL;
    at += len;
    at += *at == '\r';
    return *at == '\n' ? at + 1 : *at ? NULL : at;
}

/* Finds the blocks in `text`, which ends in NUL. Text between them is for people. What OpenSSL would read
 * otherwise or refuse is refused: words behind a block's first or last line, or before them. */
static int bundle_scan(struct bundle *b, const char *text)
{
    for (const char *at = text; (at = strstr(at, "-----BEGIN "));) {
        const char *body = line_take(at, "-----BEGIN CERTIFICATE-----");
        if (!body || (at > text && at[-1] != '\n'))
            return -1;
        const char *stop = strstr(body, "-----");
        size_t start = b->used;
        at = stop ? line_take(stop, "-----END CERTIFICATE-----") : NULL;
        if (!at || base64_put(b->der, &b->used, (const unsigned char *)body, (size_t)(stop - body)) < 0 ||
            entry_add(b, start) < 0)
            return -1;
    }
    return b->count > 0 ? 0 : -1;
}

/* The whole file with a NUL behind it; malloc'd. NULL: it can't be had, or a NUL is within. */
static char *file_read(const char *path, size_t *ret_len)
{
    struct stat st;
    char *text = NULL;
    size_t used = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > BUNDLE_MAX)
        goto out;
    size_t size = (size_t)st.st_size;
    text = malloc(size + 1);
    while (text && used < size) {
        ssize_t n = read(fd, text + used, size - used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        used += (size_t)n;
    }
    if (text && memchr(text, 0, used)) {
        free(text);
        text = NULL;
    }
    if (text)
        text[used] = 0;
    *ret_len = used;
out:
    close(fd);
    return text;
}

int bundle_read(const char *path, struct bundle **ret)
{
    size_t len = 0;
    char *text = file_read(path, &len);
    struct bundle *b = text ? calloc(1, sizeof *b) : NULL;
    if (b)
        b->der = malloc(len / 4 * 3 + 3); /* what it decodes to is less */
    int result = b && b->der ? bundle_scan(b, text) : -1;
    free(text);
    if (result < 0)
        bundle_free(b);
    else
        *ret = b;
    return result;
}

void bundle_free(struct bundle *b)
{
    if (!b)
        return;
    X509_LOOKUP_meth_free(b->method);
    free(b->entries);
    free(b->der);
    free(b);
}

size_t bundle_count(const struct bundle *b)
{
    return b->count;
}

/* As a source of a store. */

static bool entry_is_named(const struct entry *e, const X509_NAME *name)
{
    const unsigned char *at = e->subject.data;
    X509_NAME *subject = d2i_X509_NAME(NULL, &at, (long)e->subject.len);
    bool equal = subject && X509_NAME_cmp(subject, name) == 0;
    X509_NAME_free(subject);
    return equal;
}

/* Parses one certificate for the store. */
static void entry_add_to(const struct bundle *b, const struct entry *e, X509_STORE *store)
{
    const unsigned char *at = e->cert.data;
    X509 *cert = X509_new_ex(b->context, NULL);
    if (cert && d2i_X509(&cert, &at, (long)e->cert.len))
        X509_STORE_add_cert(store, cert);
    X509_free(cert);
}

/* What the store holds of that name, as a source's answer: it keeps no reference of its own. */
static int store_answer(X509_STORE *store, const X509_NAME *name, X509_OBJECT *ret)
{
    X509_STORE_lock(store);
    X509_OBJECT *held = X509_OBJECT_retrieve_by_subject(X509_STORE_get0_objects(store), X509_LU_X509, name);
    X509 *cert = held ? X509_OBJECT_get0_X509(held) : NULL;
    X509_STORE_unlock(store);
    if (!cert || !X509_OBJECT_set1_X509(ret, cert))
        return 0;
    X509_free(cert); /* the reference that set1 took; the store's remains */
    return 1;
}

/* The store asks, from any thread; the bundle itself does not change. */
static int bundle_by_subject(X509_LOOKUP *lookup, X509_LOOKUP_TYPE type, const X509_NAME *name,
                             X509_OBJECT *ret)
{
    const struct bundle *b = X509_LOOKUP_get_method_data(lookup);
    X509_STORE *store = X509_LOOKUP_get_store(lookup);
    struct der encoded = {NULL, 0}, contents;
    bool found = false;
    if (!b || type != X509_LU_X509 || !X509_NAME_get0_der(name, &encoded.data, &encoded.len) ||
        der_take(&encoded, &contents) != DER_SEQUENCE)
        return 0;
    uint64_t wanted = subject_hash(contents);
    ERR_set_mark();
    for (size_t i = 0; i < b->count; i++)
        if ((b->entries[i].hash == wanted || wanted == HASH_ANY || b->entries[i].hash == HASH_ANY) &&
            entry_is_named(&b->entries[i], name)) {
            entry_add_to(b, &b->entries[i], store);
            found = true;
        }
    ERR_pop_to_mark();
    return found ? store_answer(store, name, ret) : 0;
}

int bundle_attach(struct bundle *b, X509_STORE *store, OSSL_LIB_CTX *context)
{
    b->context = context;
    b->method = X509_LOOKUP_meth_new("bundle");
    X509_LOOKUP *lookup = b->method && X509_LOOKUP_meth_set_get_by_subject(b->method, bundle_by_subject)
                              ? X509_STORE_add_lookup(store, b->method)
                              : NULL;
    return lookup && X509_LOOKUP_set_method_data(lookup, b) ? 0 : -1;
}
