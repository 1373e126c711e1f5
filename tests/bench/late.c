/*
 * A server that answers late, for scripts/bench: HTTPS on 127.0.0.1, one thread, one epoll set, so that
 * thousands of waiting clients cost it no more than their TLS connections. Any path gets the same body;
 * requests are not read past their blank line.
 *
 *   late CHAIN.pem KEY.pem BODY-BYTES LEAVES
 *
 * A host named hN.anything gets the first certificate of LEAVES/N.pem, with the rest of CHAIN behind it; any
 * other CHAIN as it is.
 *
 * Prints "PORT n", then obeys a line a command on standard input, and ends with it:
 *   delay MS   from now on each request is answered MS after it came
 *   hold N     answers nothing until "go"; prints "held SECONDS" (CLOCK_MONOTONIC) once N requests wait
 *   go         answers all that wait; later ones by the delay
 *   count      prints "count ANSWERED" and starts again at 0
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { REQUEST_MAX = 8192, EVENTS = 256, COMMAND_MAX = 128, LEAVES_MAX = 8192 };

enum client_state { CLIENT_SHAKES, CLIENT_ASKS, CLIENT_WAITS, CLIENT_READS };

struct client {
    SSL *ssl;
    int fd;
    enum client_state state;
    char tail[4]; /* the last bytes of the request so far */
    size_t sent;
    double due;                 /* while it waits */
    struct client *next, *prev; /* in the queue of those that wait, the first due first */
};

struct server {
    SSL_CTX *ctx;
    int epoll, listener;
    char *answer;
    size_t answer_length;
    double delay;
    bool holding;
    size_t hold_until, waiting;
    unsigned long answered;
    struct client *first, *last;
    const char *leaves;
    X509 *leaf[LEAVES_MAX]; /* those that were asked for so far */
    char command[COMMAND_MAX];
    size_t command_length;
};

static void die(const char *what)
{
    fprintf(stderr, "late: %s\n", what);
    exit(2);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void say(const char *word, double number, int decimals)
{
    printf("%s %.*f\n", word, decimals, number);
    fflush(stdout);
}

/* The certificates. */

static X509 *leaf_read(const struct server *s, unsigned number)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%u.pem", s->leaves, number);
    FILE *f = fopen(path, "r");
    X509 *leaf = f ? PEM_read_X509(f, NULL, NULL, NULL) : NULL;
    if (f)
        fclose(f);
    return leaf;
}

static int leaf_choose(SSL *ssl, int *alert, void *arg)
{
    struct server *s = arg;
    const char *host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    unsigned number;
    (void)alert;
    if (!host || sscanf(host, "h%u.", &number) != 1 || number >= LEAVES_MAX)
        return SSL_TLSEXT_ERR_OK;
    if (!s->leaf[number])
        s->leaf[number] = leaf_read(s, number);
    if (s->leaf[number] && SSL_use_certificate(ssl, s->leaf[number]) != 1)
        die("a certificate of LEAVES does not fit the key");
    return SSL_TLSEXT_ERR_OK;
}

/* The queue of those that wait. */

static void queue_put(struct server *s, struct client *c)
{
    c->due = now() + s->delay;
    c->next = NULL;
    c->prev = s->last;
    *(s->last ? &s->last->next : &s->first) = c;
    s->last = c;
    if (++s->waiting == s->hold_until && s->holding)
        say("held", now(), 6);
}

static void queue_take(struct server *s, struct client *c)
{
    *(c->prev ? &c->prev->next : &s->first) = c->next;
    *(c->next ? &c->next->prev : &s->last) = c->prev;
    s->waiting--;
}

/* One client. */

static void client_end(struct server *s, struct client *c)
{
    if (c->state == CLIENT_WAITS)
        queue_take(s, c);
    SSL_free(c->ssl);
    close(c->fd);
    free(c);
}

static void client_watch(struct server *s, struct client *c, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = c};
    epoll_ctl(s->epoll, EPOLL_CTL_MOD, c->fd, &event);
}

/* What a call of OpenSSL came to: true when the client has to wait for its socket, false when it is gone. */
static bool client_blocked(struct server *s, struct client *c, int result)
{
    switch (SSL_get_error(c->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        client_watch(s, c, EPOLLIN);
        return true;
    case SSL_ERROR_WANT_WRITE:
        client_watch(s, c, EPOLLOUT);
        return true;
    default:
        client_end(s, c);
        return false;
    }
}

static bool request_ended(struct client *c, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        memmove(c->tail, c->tail + 1, 3);
        c->tail[3] = bytes[i];
        if (memcmp(c->tail, "\r\n\r\n", 4) == 0)
            return true;
    }
    return false;
}

static void client_answer(struct server *s, struct client *c)
{
    while (c->sent < s->answer_length) {
        int n = SSL_write(c->ssl, s->answer + c->sent, (int)(s->answer_length - c->sent));
        if (n <= 0) {
            client_blocked(s, c, n);
            return;
        }
        c->sent += (size_t)n;
    }
    s->answered++;
    c->state = CLIENT_ASKS;
    memset(c->tail, 0, sizeof c->tail);
    client_watch(s, c, EPOLLIN);
}

static void client_answer_now(struct server *s, struct client *c)
{
    queue_take(s, c);
    c->state = CLIENT_READS;
    c->sent = 0;
    client_answer(s, c);
}

static void client_ask(struct server *s, struct client *c)
{
    char bytes[REQUEST_MAX];
    for (;;) {
        int n = SSL_read(c->ssl, bytes, sizeof bytes);
        if (n <= 0) {
            client_blocked(s, c, n);
            return;
        }
        if (!request_ended(c, bytes, (size_t)n))
            continue;
        c->state = CLIENT_WAITS;
        client_watch(s, c, EPOLLIN | EPOLLRDHUP);
        queue_put(s, c);
        return;
    }
}

static void client_go_on(struct server *s, struct client *c)
{
    int n;
    switch (c->state) {
    case CLIENT_SHAKES:
        n = SSL_accept(c->ssl);
        if (n != 1) {
            client_blocked(s, c, n);
            break;
        }
        c->state = CLIENT_ASKS;
        client_ask(s, c);
        break;
    case CLIENT_ASKS:
        client_ask(s, c);
        break;
    case CLIENT_WAITS: /* it hung up, or sent what nobody asked for */
        client_end(s, c);
        break;
    case CLIENT_READS:
        client_answer(s, c);
        break;
    }
}

static void clients_accept(struct server *s)
{
    const int on = 1;
    for (;;) {
        int fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct client *c = calloc(1, sizeof *c);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
        if (!c || !(c->ssl = SSL_new(s->ctx)) || SSL_set_fd(c->ssl, fd) != 1 ||
            epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
            die("out of memory");
        SSL_set_accept_state(c->ssl);
        c->fd = fd;
    }
}

/* What the bench says. */

static void command_obey(struct server *s, const char *line)
{
    unsigned long n = 0;
    if (sscanf(line, "delay %lu", &n) == 1) {
        s->delay = (double)n / 1000;
    } else if (sscanf(line, "hold %lu", &n) == 1) {
        s->holding = true;
        s->hold_until = n;
    } else if (strcmp(line, "go") == 0) {
        s->holding = false;
        while (s->first)
            client_answer_now(s, s->first);
    } else if (strcmp(line, "count") == 0) {
        say("count", (double)s->answered, 0);
        s->answered = 0;
    } else {
        die("no such command");
    }
}

/* False at the end of standard input. */
static bool commands_read(struct server *s)
{
    char *end;
    ssize_t n = read(0, s->command + s->command_length, COMMAND_MAX - 1 - s->command_length);
    if (n <= 0)
        return false;
    s->command_length += (size_t)n;
    s->command[s->command_length] = 0;
    while ((end = strchr(s->command, '\n'))) {
        *end = 0;
        command_obey(s, s->command);
        s->command_length -= (size_t)(end + 1 - s->command);
        memmove(s->command, end + 1, s->command_length + 1);
    }
    return true;
}

/* The loop. */

static int answers_due(struct server *s)
{
    if (s->holding)
        return -1;
    for (double at = now(); s->first && s->first->due <= at;)
        client_answer_now(s, s->first);
    if (!s->first)
        return -1;
    double wait = (s->first->due - now()) * 1000;
    return wait < 0 ? 0 : (int)wait + 1;
}

/* Commands come last: they may end clients whose events are still in the batch. */
static void serve(struct server *s)
{
    struct epoll_event events[EVENTS];
    bool more = true;
    while (more) {
        bool commands = false;
        int n = epoll_wait(s->epoll, events, EVENTS, answers_due(s));
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == s)
                clients_accept(s);
            else if (events[i].data.ptr)
                client_go_on(s, events[i].data.ptr);
            else
                commands = true;
        }
        if (commands)
            more = commands_read(s);
    }
}

static void listen_on_loopback(struct server *s)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    struct epoll_event own = {.events = EPOLLIN, .data.ptr = s},
                       input = {.events = EPOLLIN, .data.ptr = NULL};
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (s->listener < 0 || s->epoll < 0 ||
        bind(s->listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(s->listener, 4096) < 0 ||
        getsockname(s->listener, (struct sockaddr *)&address, &length) < 0 ||
        epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->listener, &own) < 0 ||
        epoll_ctl(s->epoll, EPOLL_CTL_ADD, 0, &input) < 0)
        die(strerror(errno));
    say("PORT", ntohs(address.sin_port), 0);
}

static void answer_make(struct server *s, size_t body)
{
    char head[128];
    int n = snprintf(head, sizeof head,
                     "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n", body);
    s->answer_length = (size_t)n + body;
    s->answer = malloc(s->answer_length);
    if (!s->answer)
        die("out of memory");
    memcpy(s->answer, head, (size_t)n);
    memset(s->answer + n, 'x', body);
}

int main(int argc, char **argv)
{
    static struct server s;
    struct rlimit files;
    if (argc != 5)
        die("usage: late CHAIN.pem KEY.pem BODY-BYTES LEAVES");
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    signal(SIGPIPE, SIG_IGN);
    answer_make(&s, strtoul(argv[3], NULL, 10));
    s.ctx = SSL_CTX_new(TLS_server_method());
    if (!s.ctx || SSL_CTX_use_certificate_chain_file(s.ctx, argv[1]) != 1 ||
        SSL_CTX_use_PrivateKey_file(s.ctx, argv[2], SSL_FILETYPE_PEM) != 1)
        die("the certificate can't be used");
    SSL_CTX_set_mode(s.ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(s.ctx, SSL_SESS_CACHE_OFF);
    s.leaves = argv[4];
    SSL_CTX_set_tlsext_servername_callback(s.ctx, leaf_choose);
    SSL_CTX_set_tlsext_servername_arg(s.ctx, &s);
    listen_on_loopback(&s);
    serve(&s);
    return 0;
}
