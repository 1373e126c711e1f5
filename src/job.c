#include "job.h"

#include <stdlib.h>
#include <string.h>

#include "base/deadline.h"

enum { JOB_FIELDS_MAX = 320 * 1024, JOB_REDIRECTS_MAX = 1024 * 1024 };

/* FNV-1a, for affinity only: who makes hosts collide makes them share a worker. Never 0. */
static uint64_t host_hash(struct span host)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < host.len; i++)
        h = (h ^ host.data[i]) * UINT64_C(1099511628211);
    return h ? h : 1;
}

/* The host as limits see it: without a trailing dot. */
static struct span host_key(const struct target *t)
{
    struct span host = span_of(t->host);
    if (host.len > 1 && host.data[host.len - 1] == '.')
        host.len--;
    return host;
}

static struct span keep(unsigned char **at, struct span v)
{
    struct span kept = {*at, v.len};
    if (v.len)
        memcpy(*at, v.data, v.len);
    *at += v.len;
    return kept;
}

struct job *job_new(struct nofork *memory, uint64_t index, struct span line, const struct target *t)
{
    struct buffer url;
    struct job *job = NULL;
    struct span host = t ? host_key(t) : span_make(NULL, 0);
    buffer_init(&url, 64 * 1024);
    if (t && target_put_url(&url, t) < 0)
        goto out;
    job = nofork_alloc(memory, sizeof *job + line.len + url.len + host.len);
    if (!job)
        goto out;
    unsigned char *at = job->text;
    job->line = keep(&at, line);
    job->url = keep(&at, buffer_span(&url));
    job->item.host = keep(&at, host);
    job->item.host_hash = host_hash(host);
    job->item.index = index;
    job->read_us = wall_now_us();
    buffer_init(&job->fields, JOB_FIELDS_MAX);
    buffer_init(&job->redirects, JOB_REDIRECTS_MAX);
out:
    buffer_free(&url);
    return job;
}

void job_free(struct nofork *memory, struct job *job)
{
    if (!job)
        return;
    buffer_free(&job->fields);
    buffer_free(&job->redirects);
    free(job->failure.message);
    nofork_free(memory, job);
}

void job_forget_try(struct job *job)
{
    job->status = 0;
    job->version[0] = 0;
    job->discard = job->killed = job->hop = false;
    job->received = 0;
    job->field_count = job->redirect_count = 0;
    buffer_free(&job->fields);
    buffer_free(&job->redirects);
    free(job->failure.message);
    job->failure = (struct job_failure){0};
}

void job_fail(struct job *job, const struct fetch_error *why)
{
    free(job->failure.message);
    job->failure = (struct job_failure){.kind = why->kind, .phase = why->phase, .final = why->final};
    if (why->kind != ERROR_NONE)
        job->failure.message = strdup(why->message);
}

struct fetch_error job_error(const struct job *job, const struct fetch_result *result)
{
    const struct job_failure *f = &job->failure;
    struct fetch_error e;
    if (f->kind == ERROR_NONE)
        return result->error;
    error_set(&e, f->kind, f->phase, "%s", f->message ? f->message : "out of memory");
    e.final = f->final;
    return e;
}

static int keep_fields(struct job *job, const struct fetch_head *head)
{
    buffer_clear(&job->fields);
    job->field_count = head->field_count;
    return buffer_append(&job->fields, head->fields.data, head->fields.len);
}

int job_add_redirect(struct job *job, const struct fetch_head *hop)
{
    job->last_redirect = job->redirects.len;
    if (pack_string(&job->redirects, hop->location) < 0)
        return -1;
    job->redirect_count++;
    job->hop = true;
    return keep_fields(job, hop);
}

int job_keep_head(struct job *job, const struct fetch_head *head)
{
    job->status = head->status;
    memcpy(job->version, head->version, sizeof job->version);
    job->hop = false;
    return keep_fields(job, head);
}

void job_report(const struct job *job, const struct fetch_result *result, struct report *ret)
{
    bool stopped = job->hop && result->url && result->redirects + 1 == job->redirect_count;
    bool headless = job->hop && !stopped;
    *ret = (struct report){
        .index = job->item.index,
        .target = job->line,
        .started_us = result->started_us ? result->started_us : job->read_us,
        .url = result->url          ? span_of(result->url)
               : job->item.attempts ? job->url
                                    : span_make(NULL, 0),
        .status = result->status ? result->status : job->status,
        .version = result->version[0] ? result->version : job->version,
        .bytes = result->bytes,
        .error = job_error(job, result),
        .redirects =
            stopped ? span_make(job->redirects.data, job->last_redirect) : buffer_span(&job->redirects),
        .redirect_count = job->redirect_count - stopped,
        .attempts = job->item.attempts,
        .worker = job->worker,
        .conn = &result->conn,
        .ns_queue = job->ns_queue,
        .ns_dns = result->ns_dns,
        .ns_connect = result->ns_connect,
        .ns_tls = result->ns_tls,
        .ns_first_byte = result->ns_first_byte,
        .ns_total = result->ns_total,
        .fields = headless ? span_make(NULL, 0) : buffer_span(&job->fields),
        .field_count = headless ? 0 : job->field_count,
        .sha256 = result->sha256,
        .payload_sha1 = result->payload_sha1,
        .cut = result->cut,
    };
}

bool status_pauses_host(int status)
{
    return status == 429 || status == 503;
}
