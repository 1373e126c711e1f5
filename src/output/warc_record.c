#include "output/warc_record.h"

#include <errno.h>
#include <sys/random.h>

#include "base/deadline.h"
#include "output/format.h"

int warc_id(struct warc_ids *ids, char ret_id[WARC_ID], struct fetch_error *err)
{
    static const char hex[] = "0123456789abcdef";
    if (ids->left < 16) {
        ssize_t n = getrandom(ids->random, sizeof ids->random, 0);
        if (n < 16)
            return error_set(err, ERROR_OUTPUT, PHASE_NONE, "no random bytes for a WARC record: %s",
                             strerror(errno));
        ids->left = (size_t)n;
    }
    unsigned char *r = ids->random + (ids->left -= 16);
    r[6] = (unsigned char)((r[6] & 0x0F) | 0x40); /* RFC 9562 5.4 */
    r[8] = (unsigned char)((r[8] & 0x3F) | 0x80);
    memcpy(ret_id, "<urn:uuid:00000000-0000-0000-0000-000000000000>", WARC_ID);
    char *p = ret_id + sizeof "<urn:uuid:" - 1;
    for (size_t i = 0; i < 16; i++) {
        p += *p == '-';
        *p++ = hex[r[i] >> 4];
        *p++ = hex[r[i] & 15];
    }
    return 0;
}

/* Printable characters without blanks; what is none is left out. */
static bool is_word(const char *s)
{
    size_t len = strlen(s);
    for (size_t i = 0; i < len; i++)
        if (s[i] <= ' ' || s[i] > '~')
            return false;
    return len > 0;
}

static int put_field(struct buffer *b, const char *name, const char *value)
{
    if (!value || !is_word(value))
        return 0;
    int bad = buffer_puts(b, name);
    bad |= buffer_puts(b, ": ");
    bad |= buffer_puts(b, value);
    return bad | buffer_puts(b, "\r\n");
}

static int put_uri(struct buffer *b, const char *url)
{
    int bad = buffer_puts(b, "WARC-Target-URI: ");
    for (; *url; url++) {
        unsigned char c = (unsigned char)*url;
        bad |=
            c > ' ' && c <= '~' && c != '<' && c != '>' ? buffer_putc(b, c) : buffer_printf(b, "%%%02X", c);
    }
    return bad | buffer_puts(b, "\r\n");
}

int warc_put_date(struct buffer *b, int64_t us)
{
    int bad = buffer_puts(b, "WARC-Date: ");
    bad |= format_time(b, us ? us : wall_now_us());
    return bad | buffer_puts(b, "\r\n");
}

static int put_protocols(struct buffer *b, const struct fetch_head *head)
{
    char http[sizeof "http/" + sizeof head->version] = "http/", tls[24] = "";
    strcat(http, head->version);
    int bad = put_field(b, "WARC-Protocol", http);
    if (strncmp(head->conn->tls_version, "TLSv", 4) == 0) {
        strcpy(tls, "tls/");
        strncat(tls, head->conn->tls_version + 4, sizeof tls - 5);
    }
    bad |= put_field(b, "WARC-Protocol", tls);
    return bad | put_field(b, "WARC-Cipher-Suite", head->conn->tls_cipher);
}

int warc_put_common(struct buffer *b, const struct fetch_head *head)
{
    int bad = warc_put_date(b, head->started_us);
    bad |= put_uri(b, head->url);
    bad |= put_field(b, "WARC-IP-Address", head->conn->remote_ip);
    return bad | put_protocols(b, head);
}

static int put_digest(struct buffer *b, const char *name, const char *digest)
{
    if (!digest || !is_word(digest))
        return 0;
    int bad = buffer_puts(b, name);
    bad |= buffer_puts(b, ": sha1:");
    bad |= buffer_puts(b, digest);
    return bad | buffer_puts(b, "\r\n");
}

int warc_put_header(struct buffer *b, const struct warc_record *r)
{
    int bad = buffer_puts(b, "WARC/1.1\r\n");
    bad |= put_field(b, "WARC-Type", r->type);
    bad |= put_field(b, "WARC-Record-ID", r->id);
    bad |= buffer_append(b, r->common.data, r->common.len);
    bad |= put_field(b, "WARC-Concurrent-To", r->concurrent_to);
    bad |= put_field(b, "WARC-Warcinfo-ID", r->warcinfo);
    bad |= put_field(b, "WARC-Filename", r->filename);
    bad |= put_field(b, "WARC-Truncated", r->truncated);
    bad |= put_digest(b, "WARC-Block-Digest", r->block_digest);
    bad |= put_digest(b, "WARC-Payload-Digest", r->payload_digest);
    bad |= put_field(b, "Content-Type", r->content_type);
    bad |= buffer_puts(b, "Content-Length: ");
    bad |= format_u64(b, r->length);
    return bad | buffer_puts(b, "\r\n\r\n");
}
