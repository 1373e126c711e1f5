/*
 * The yardstick of scripts/bench: the least that blocking OpenSSL needs to fetch a list. One SSL_CTX made
 * before the workers start, hosts (or with -l lines) assigned to workers beforehand, one connection per host
 * and worker kept alive; no names looked up, no timeouts, no reports, no confinement. What it prints at the
 * end is counted by the bench: "ok N bytes N failed N".
 *
 *   bare -a ADDRESS:PORT [-w WORKERS] [-t] [-l] [-c CAFILE] [-d DIR] LIST
 *        -t: threads, else processes; -c: else the system's store; -d: bodies into files; LIST: HOST PATH a
 * line
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HEAD_MAX = 16384, BODY_READ = 32768, HOST_MAX = 256, PATH_MAX_LEN = 512 };

struct target {
    char host[HOST_MAX], path[PATH_MAX_LEN];
    size_t host_number;
};

struct counts {
    unsigned long ok, bytes, failed;
};

struct job {
    SSL_CTX *ctx;
    struct sockaddr_in address;
    const struct target *targets;
    size_t count, hosts, workers;
    int by_line;
    const char *dir;
};

struct worker {
    const struct job *job;
    size_t number;
    struct counts *counts;
    SSL *ssl; /* to the host below, or NULL */
    size_t host_number;
};

static void die(const char *what)
{
    fprintf(stderr, "bare: %s\n", what);
    exit(2);
}

static void hang_up(struct worker *w)
{
    if (!w->ssl)
        return;
    int fd = SSL_get_fd(w->ssl);
    SSL_shutdown(w->ssl);
    SSL_free(w->ssl);
    close(fd);
    w->ssl = NULL;
}

static SSL *dial(const struct job *job, const char *host)
{
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&job->address, sizeof job->address) < 0) {
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    SSL *ssl = SSL_new(job->ctx);
    if (ssl && SSL_set_fd(ssl, fd) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1 &&
        SSL_set1_host(ssl, host) == 1 && SSL_connect(ssl) == 1)
        return ssl;
    SSL_free(ssl);
    close(fd);
    return NULL;
}

/* Reads a head and a body of the Content-Length it names; the body goes to out when there is one. The length,
 * or -1. */
static long read_answer(SSL *ssl, FILE *out)
{
    static _Thread_local char buffer[BODY_READ + 1];
    size_t have = 0;
    char *end = NULL;
    while (!end) {
        int n = have < HEAD_MAX ? SSL_read(ssl, buffer + have, (int)(BODY_READ - have)) : 0;
        if (n <= 0)
            return -1;
        have += (size_t)n;
        buffer[have] = 0;
        end = strstr(buffer, "\r\n\r\n");
    }
    *end = 0;
    const char *length = strcasestr(buffer, "\r\nContent-Length:");
    if (strncmp(buffer, "HTTP/1.1 200", 12) != 0 || !length)
        return -1;
    const long total = strtol(length + 17, NULL, 10);
    const char *body = end + 4;
    size_t part = have - (size_t)(body - buffer);
    long got = 0;
    for (;;) {
        got += (long)part;
        if (out && fwrite(body, 1, part, out) != part)
            return -1;
        if (got >= total)
            return got == total ? total : -1;
        int n = SSL_read(ssl, buffer, BODY_READ);
        if (n <= 0)
            return -1;
        body = buffer;
        part = (size_t)n;
    }
}

static long fetch(struct worker *w, size_t line)
{
    const struct target *t = &w->job->targets[line];
    char request[HOST_MAX + PATH_MAX_LEN + 64], file[4096];
    if (w->ssl && w->host_number != t->host_number)
        hang_up(w);
    if (!w->ssl)
        w->ssl = dial(w->job, t->host);
    w->host_number = t->host_number;
    if (!w->ssl)
        return -1;
    int n = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", t->path, t->host);
    if (SSL_write(w->ssl, request, n) != n)
        return -1;
    if (!w->job->dir)
        return read_answer(w->ssl, NULL);
    snprintf(file, sizeof file, "%s/%zu", w->job->dir, line);
    FILE *out = fopen(file, "we");
    if (!out)
        return -1;
    setvbuf(out, NULL, _IONBF, 0);
    long got = read_answer(w->ssl, out);
    return fclose(out) == 0 ? got : -1;
}

static void *work(void *arg)
{
    struct worker *w = arg;
    const struct job *job = w->job;
    const size_t keys = job->by_line ? job->count : job->hosts;
    for (size_t key = w->number; key < keys; key += job->workers)
        for (size_t i = key; i < (job->by_line ? key + 1 : job->count); i++) {
            if (!job->by_line && job->targets[i].host_number != key)
                continue;
            long got = fetch(w, i);
            if (got < 0) {
                hang_up(w);
                w->counts->failed++;
                continue;
            }
            w->counts->ok++;
            w->counts->bytes += (unsigned long)got;
            if (!job->by_line && job->hosts == job->count)
                break;
        }
    hang_up(w);
    return NULL;
}

static void run_threads(struct worker *workers, size_t count)
{
    pthread_t *threads = calloc(count, sizeof *threads);
    if (!threads)
        die("out of memory");
    for (size_t i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0)
            die("no thread");
    for (size_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    free(threads);
}

static void run_processes(struct worker *workers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        pid_t pid = fork();
        if (pid < 0)
            die("no process");
        if (pid == 0) {
            work(&workers[i]);
            _exit(0);
        }
    }
    while (wait(NULL) > 0)
        ;
}

/* Hosts are numbered as they appear; a list repeats its hosts in turn, so that the last few are looked at
 * only. */
static struct target *read_list(const char *name, size_t *ret_count, size_t *ret_hosts)
{
    FILE *in = fopen(name, "re");
    struct target *list = NULL;
    size_t count = 0, hosts = 0, room = 0;
    char line[HOST_MAX + PATH_MAX_LEN + 4];
    if (!in)
        die("the list can't be read");
    while (fgets(line, sizeof line, in)) {
        if (count == room) {
            room = room ? room * 2 : 1024;
            list = realloc(list, room * sizeof *list);
        }
        struct target *t = list ? &list[count] : NULL;
        if (!t || sscanf(line, "%255s %511s", t->host, t->path) != 2)
            die("the list is bad");
        size_t known = 0;
        while (known < hosts && known < 64 && strcmp(list[known].host, t->host) != 0)
            known++;
        t->host_number = known < hosts && known < 64 ? known : hosts++;
        count++;
    }
    fclose(in);
    *ret_count = count;
    *ret_hosts = hosts;
    return list;
}

static SSL_CTX *trust(const char *cafile)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (!ctx || (cafile ? SSL_CTX_load_verify_file(ctx, cafile) : SSL_CTX_set_default_verify_paths(ctx)) != 1)
        die("the trust store can't be read");
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    return ctx;
}

static struct sockaddr_in address_read(char *text)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    char *colon = strrchr(text, ':');
    if (!colon)
        die("ADDRESS:PORT is missing");
    *colon = 0;
    address.sin_port = htons((in_port_t)atoi(colon + 1));
    if (inet_pton(AF_INET, text, &address.sin_addr) != 1)
        die("no such address");
    return address;
}

int main(int argc, char **argv)
{
    struct job job = {.workers = 8};
    const char *cafile = NULL;
    int threads = 0, option;
    while ((option = getopt(argc, argv, "a:w:tlc:d:")) != -1)
        switch (option) {
        case 'a':
            job.address = address_read(optarg);
            break;
        case 'w':
            job.workers = strtoul(optarg, NULL, 10);
            break;
        case 't':
            threads = 1;
            break;
        case 'l':
            job.by_line = 1;
            break;
        case 'c':
            cafile = optarg;
            break;
        case 'd':
            job.dir = optarg;
            break;
        default:
            return 2;
        }
    if (optind + 1 != argc || job.workers == 0 || job.address.sin_port == 0)
        die("usage: bare -a ADDRESS:PORT [-w WORKERS] [-t] [-l] [-c CAFILE] [-d DIR] LIST");
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    signal(SIGPIPE, SIG_IGN);
    job.targets = read_list(argv[optind], &job.count, &job.hosts);
    job.ctx = trust(cafile);
    const size_t size = job.workers * sizeof(struct counts);
    struct counts *counts = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct worker *workers = calloc(job.workers, sizeof *workers);
    if (counts == MAP_FAILED || !workers)
        die("out of memory");
    for (size_t i = 0; i < job.workers; i++)
        workers[i] = (struct worker){.job = &job, .number = i, .counts = &counts[i]};
    (threads ? run_threads : run_processes)(workers, job.workers);
    struct counts sum = {0};
    for (size_t i = 0; i < job.workers; i++) {
        sum.ok += counts[i].ok;
        sum.bytes += counts[i].bytes;
        sum.failed += counts[i].failed;
    }
    printf("ok %lu bytes %lu failed %lu\n", sum.ok, sum.bytes, sum.failed);
    return sum.failed != 0;
}
