#include "wire.h"

#include <errno.h>
#include <openssl/err.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "base/deadline.h"

void sleep_ms(long ms)
{
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        ;
}

int wire_write(struct wire *w, const void *data, size_t len)
{
    const unsigned char *p = data;
    while (len > 0) {
        size_t piece = len < 1 << 20 ? len : 1 << 20;
        ssize_t n;
        if (w->fd < 0)
            return -1;
        if (w->ssl)
            n = SSL_write(w->ssl, p, (int)piece);
        else
            n = send(w->fd, p, piece, MSG_NOSIGNAL);
        if (n < 0 && !w->ssl && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

ssize_t wire_read(struct wire *w, void *data, size_t len)
{
    if (w->fd < 0)
        return -1;
    if (w->ssl) {
        int n = SSL_read(w->ssl, data, len < 1 << 20 ? (int)len : 1 << 20);
        return n > 0 ? n : SSL_get_error(w->ssl, n) == SSL_ERROR_ZERO_RETURN ? 0 : -1;
    }
    for (;;) {
        ssize_t n = recv(w->fd, data, len, 0);
        if (n >= 0 || errno != EINTR)
            return n;
    }
}

void wire_drain(struct wire *w, long ms)
{
    char data[4096];
    int64_t end = deadline_add(deadline_now(), ms * NS_PER_MS);
    while (w->fd >= 0) {
        struct pollfd p = {.fd = w->fd, .events = POLLIN};
        int left = deadline_poll_ms(end, deadline_now());
        if (left == 0 || poll(&p, 1, left) <= 0 || recv(w->fd, data, sizeof data, 0) <= 0)
            return;
    }
}

static void end(struct wire *w)
{
    if (w->fd < 0)
        return;
    SSL_free(w->ssl);
    close(w->fd);
    ERR_clear_error();
    w->fd = -1;
    w->ssl = NULL;
}

/* FIN first, then what the peer still says is read, so that the kernel sends no RST after our last bytes. */
void wire_abrupt(struct wire *w)
{
    if (w->fd >= 0 && shutdown(w->fd, SHUT_WR) == 0)
        wire_drain(w, 2000);
    end(w);
}

void wire_close(struct wire *w)
{
    if (w->ssl && SSL_is_init_finished(w->ssl))
        SSL_shutdown(w->ssl);
    wire_abrupt(w);
}

void wire_reset(struct wire *w)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    if (w->fd >= 0)
        setsockopt(w->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    end(w);
}

int conn_flush(struct conn *c)
{
    int result = c->out.len ? wire_write(&c->wire, c->out.data, c->out.len) : 0;
    buffer_clear(&c->out);
    return result;
}
