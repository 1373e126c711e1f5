#include "config.h"

#include <ares.h>
#include <arpa/inet.h>
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine/confine.h"
#include "confine/pieces.h"

/* Each test tries something in a child that has confined itself, and looks at how the child ended. */

enum { STORED = 20 /* files that the hashed directory has links to */ };
enum { WORKED = 0, CONFINE_FAILED = 99, FAILED_WITH = 100 /* + errno */ };

static char dir[64] = "/tmp/check_confine.XXXXXX";
static struct confine_plan *plan;
static struct confine_support support;
static char listed[128], listed_dir[128], hashed[128], elsewhere[128], unlisted[128], store[128];
static const char *const readable[] = {listed,         hashed, store, "/etc/hosts", "/etc/resolv.conf",
                                       "/nonexistent", NULL};

static void make_file(char *path, size_t size, const char *folder, const char *name)
{
    snprintf(path, size, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, "text\n", 5), 5);
    close(fd);
}

static void make_files(void)
{
    char path[192];
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(chmod(dir, 0755), 0);
    make_file(listed, sizeof listed, dir, "listed");
    make_file(unlisted, sizeof unlisted, dir, "unlisted");
    snprintf(hashed, sizeof hashed, "%s/hashed", dir);
    ck_assert_int_eq(mkdir(hashed, 0755), 0);
    make_file(listed_dir, sizeof listed_dir, hashed, "inside");
    snprintf(path, sizeof path, "%s/far", dir);
    ck_assert_int_eq(mkdir(path, 0755), 0);
    make_file(elsewhere, sizeof elsewhere, path, "certificate");
    snprintf(path, sizeof path, "%s/link", hashed);
    ck_assert_int_eq(symlink(elsewhere, path), 0);
    snprintf(path, sizeof path, "%s/real-store", dir);
    ck_assert_int_eq(mkdir(path, 0755), 0);
    snprintf(store, sizeof store, "%s/store", dir);
    ck_assert_int_eq(symlink("real-store", store), 0);
    for (int i = 0; i < STORED; i++) {
        char name[24], file[128];
        snprintf(name, sizeof name, "store/%d", i);
        make_file(file, sizeof file, dir, name);
        snprintf(path, sizeof path, "%s/%d", hashed, i);
        snprintf(name, sizeof name, "../store/%d", i);
        ck_assert_int_eq(symlink(i % 2 ? file : name, path), 0);
    }
}

static void setup(void)
{
    char message[200];
    make_files();
    confine_probe(&support);
    struct confine_options options = {.level = CONFINE_AUTO, .readable = readable};
    if (geteuid() == 0) {
        options.change_user = true;
        ck_assert_int_eq(confine_user("nobody", &options.uid, &options.gid, message, sizeof message), 0);
    }
    ck_assert_msg(confine_prepare(&options, &plan, message, sizeof message) == 0, "%s", message);
}

static void teardown(void)
{
    char path[192];
    static const char *const names[] = {"hashed/inside", "hashed/link", "far/certificate", "listed",
                                        "unlisted"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
    for (int i = 0; i < STORED; i++) {
        snprintf(path, sizeof path, "%s/%d", hashed, i);
        unlink(path);
        snprintf(path, sizeof path, "%s/store/%d", dir, i);
        unlink(path);
    }
    unlink(store);
    snprintf(path, sizeof path, "%s/real-store", dir);
    rmdir(path);
    snprintf(path, sizeof path, "%s/far", dir);
    rmdir(path);
    rmdir(hashed);
    rmdir(dir);
    confine_release(plan);
    memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
}

typedef int attempt(void *arg);

/* Runs `what` in a confined child; returns its wait status. */
static int confined_arg(attempt *what, void *arg)
{
    int status;
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        char message[200];
        if (confine_self(plan, message, sizeof message) < 0) {
            fprintf(stderr, "%s\n", message);
            _exit(CONFINE_FAILED);
        }
        _exit(what(arg));
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_ne(status, CONFINE_FAILED << 8);
    return status;
}

static int confined(attempt *what)
{
    return confined_arg(what, NULL);
}

static int code(bool worked)
{
    return worked ? WORKED : errno < 100 ? FAILED_WITH + errno : FAILED_WITH;
}

/* The attempt must have ended its process by the filter, or (no filter here) have failed. */
static void assert_deadly(attempt *what)
{
    int status = confined(what);
    if (support.built[CONFINE_SECCOMP] && support.kernel[CONFINE_SECCOMP]) {
        ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "status %x", (unsigned)status);
        ck_assert(!WCOREDUMP(status));
    }
}

static void assert_worked(int status)
{
    ck_assert_msg(status == 0, "status %x", (unsigned)status);
}

static int exit_code(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Forbidden. */

static int try_open_for_writing(void *arg)
{
    (void)arg;
    return code(open(listed, O_WRONLY | O_CLOEXEC) >= 0);
}

static int try_create(void *arg)
{
    (void)arg;
    return code(open("/tmp/check_confine.new", O_RDONLY | O_CREAT | O_CLOEXEC, 0600) >= 0);
}

static int try_execve(void *arg)
{
    char *const argv[] = {(char[]){"true"}, NULL};
    (void)arg;
    execv("/bin/true", argv);
    return code(false);
}

static int try_fork(void *arg)
{
    (void)arg;
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return code(pid > 0);
}

static int try_ptrace(void *arg)
{
    (void)arg;
    return code(ptrace(PTRACE_ATTACH, getppid(), 0, 0) == 0);
}

static int try_raw_socket(void *arg)
{
    (void)arg;
    return code(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) >= 0);
}

static int try_ping_socket(void *arg)
{
    (void)arg;
    return code(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP) >= 0);
}

static int try_setuid(void *arg)
{
    (void)arg;
    return code(setuid(0) == 0);
}

static int try_kill_parent(void *arg)
{
    (void)arg;
    return code(kill(getppid(), SIGWINCH) == 0);
}

static int try_tgkill_parent(void *arg)
{
    (void)arg;
    return code(syscall(SYS_tgkill, getppid(), getppid(), SIGABRT) == 0);
}

static int try_executable_memory(void *arg)
{
    (void)arg;
    return code(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
}

static int try_listen(void *arg)
{
    (void)arg;
    return code(listen(socket(AF_INET, SOCK_STREAM, 0), 1) == 0);
}

static int try_dumpable(void *arg)
{
    (void)arg;
    return code(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
}

START_TEST(what_a_fetch_never_does_ends_the_process)
{
    static attempt *const attempts[] = {
        try_open_for_writing, try_create,        try_execve,      try_fork,
        try_ptrace,           try_raw_socket,    try_ping_socket, try_setuid,
        try_kill_parent,      try_tgkill_parent, try_listen,      try_executable_memory,
        try_dumpable};
    assert_deadly(attempts[_i]);
}
END_TEST

enum { DEADLY_ATTEMPTS = 13 };

static int try_unix_socket(void *arg)
{
    (void)arg;
    return code(socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
}

static int try_netlink_socket(void *arg)
{
    (void)arg;
    return code(socket(AF_NETLINK, SOCK_RAW, 0) >= 0);
}

START_TEST(other_socket_families_are_refused)
{
    if (!support.built[CONFINE_SECCOMP] || !support.kernel[CONFINE_SECCOMP])
        return;
    ck_assert_int_eq(exit_code(confined(try_unix_socket)), FAILED_WITH + EAFNOSUPPORT);
    ck_assert_int_eq(exit_code(confined(try_netlink_socket)), FAILED_WITH + EAFNOSUPPORT);
}
END_TEST

static int try_read(void *path)
{
    char text[8];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return code(fd >= 0 && read(fd, text, sizeof text) >= 0);
}

START_TEST(files_outside_the_list_cannot_be_read)
{
    static char shadow[] = "/etc/shadow", root[] = "/proc/self/maps";
    if (support.landlock_abi == 0)
        return;
    ck_assert_int_eq(exit_code(confined_arg(try_read, unlisted)), FAILED_WITH + EACCES);
    ck_assert_int_eq(exit_code(confined_arg(try_read, shadow)), FAILED_WITH + EACCES);
    ck_assert_int_eq(exit_code(confined_arg(try_read, root)), FAILED_WITH + EACCES);
}
END_TEST

/* The store is listed as a link. */
START_TEST(listed_files_and_links_to_them_can_be_read)
{
    char link[160];
    assert_worked(confined_arg(try_read, listed));
    assert_worked(confined_arg(try_read, listed_dir));
    snprintf(link, sizeof link, "%s/link", hashed);
    if (support.landlock_abi > 0)
        ck_assert_int_eq(exit_code(confined_arg(try_read, link)), FAILED_WITH + EACCES);
    for (int i = 0; i < STORED; i += STORED - 1) {
        snprintf(link, sizeof link, "%s/%d", hashed, i);
        assert_worked(confined_arg(try_read, link));
    }
}
END_TEST

static int try_list(void *path)
{
    DIR *d = opendir(path);
    return code(d && readdir(d));
}

START_TEST(a_listed_directory_can_be_listed_and_its_parent_not)
{
    assert_worked(confined_arg(try_list, hashed));
    if (support.landlock_abi > 0)
        ck_assert_int_eq(exit_code(confined_arg(try_list, dir)), FAILED_WITH + EACCES);
}
END_TEST

/* What is left of a process. */

static int look_at_self(void *arg)
{
    static const struct {
        __rlimit_resource_t resource;
        rlim_t most;
    } limits[] = {{RLIMIT_NOFILE, 256}, {RLIMIT_NPROC, 0},    {RLIMIT_FSIZE, 0},
                  {RLIMIT_MEMLOCK, 0},  {RLIMIT_MSGQUEUE, 0}, {RLIMIT_RTPRIO, 0}};
    struct rlimit limit;
    (void)arg;
    if (geteuid() == 0 || getuid() == 0)
        return 1;
    if (getrlimit(RLIMIT_CORE, &limit) < 0 || limit.rlim_max != 0)
        return 2;
    for (int i = 0; i < (int)(sizeof limits / sizeof *limits); i++)
        if (getrlimit(limits[i].resource, &limit) < 0 || limit.rlim_cur > limits[i].most)
            return 3 + i;
    return WORKED;
}

/* A child that has confined itself and waits; its /proc/PID/status into `text`. */
static void read_status(char *text, size_t size)
{
    int ready[2], go[2], status;
    char path[64], byte;
    ck_assert_int_eq(pipe(ready) | pipe(go), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char message[200];
        close(go[1]);
        if (confine_self(plan, message, sizeof message) < 0)
            _exit(CONFINE_FAILED);
        if (write(ready[1], "x", 1) == 1 && read(go[0], &byte, 1) == 0)
            _exit(0);
        _exit(1);
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "r");
    ck_assert_ptr_nonnull(f);
    text[fread(text, 1, size - 1, f)] = 0;
    fclose(f);
    close(go[0]);
    close(go[1]);
    close(ready[0]);
    close(ready[1]);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}

/* The line of /proc/self/status that begins so; "" if there is none. */
static void own_status(const char *name, char *line, size_t size)
{
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, (int)size, f))
        if (strncmp(line, name, strlen(name)) == 0) {
            fclose(f);
            return;
        }
    line[0] = 0;
    if (f)
        fclose(f);
}

/* Else nobody can empty the bounding set, nor gain from it. */
static bool has_setpcap(void)
{
    char line[100];
    own_status("CapEff:", line, sizeof line);
    return line[0] && strtoull(line + strlen("CapEff:"), NULL, 16) >> CAP_SETPCAP & 1;
}

START_TEST(a_confined_process_has_no_rights_left)
{
    char text[8192];
    read_status(text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "NoNewPrivs:\t1"));
    ck_assert_ptr_nonnull(strstr(text, "CapEff:\t0000000000000000"));
    ck_assert_ptr_nonnull(strstr(text, "CapPrm:\t0000000000000000"));
    ck_assert_ptr_nonnull(strstr(text, "CapInh:\t0000000000000000"));
    ck_assert_ptr_nonnull(strstr(text, "CapAmb:\t0000000000000000"));
    if (geteuid() == 0) {
        if (has_setpcap())
            ck_assert_ptr_nonnull(strstr(text, "CapBnd:\t0000000000000000"));
        ck_assert_ptr_nonnull(strstr(text, "Groups:\t \n"));
        ck_assert_ptr_null(strstr(text, "Uid:\t0"));
    }
    if (support.built[CONFINE_SECCOMP] && support.kernel[CONFINE_SECCOMP])
        ck_assert_ptr_nonnull(strstr(text, "Seccomp:\t2"));
}
END_TEST

/* In a process of its own, which it changes for good. */
static int spare_children(void)
{
    char before[100], after[100], bounding[100], message[200];
    own_status("CapEff:", before, sizeof before);
    confine_children();
    own_status("CapEff:", after, sizeof after);
    own_status("CapBnd:", bounding, sizeof bounding);
    if (strcmp(before, after) != 0)
        return 1;
    if (has_setpcap() && strcmp(bounding, "CapBnd:\t0000000000000000\n") != 0)
        return 2;
    return confine_self(plan, message, sizeof message) < 0 ? 3 : WORKED;
}

START_TEST(what_children_are_spared_costs_the_parent_no_right)
{
    int status;
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0)
        _exit(spare_children());
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    assert_worked(status);
}
END_TEST

START_TEST(a_confined_process_is_nobody_with_small_limits)
{
    assert_worked(confined(look_at_self));
}
END_TEST

static int try_abort(void *arg)
{
    (void)arg;
    abort();
}

START_TEST(abort_still_ends_by_its_own_signal)
{
    int status = confined(try_abort);
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), SIGABRT);
    ck_assert(!WCOREDUMP(status));
}
END_TEST

static int try_eat_memory(void *arg)
{
    (void)arg;
    for (int i = 0; i < 1024; i++)
        if (mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
            return code(false);
    return WORKED;
}

START_TEST(address_space_is_bounded)
{
    if (support.built[CONFINE_SECCOMP])
        ck_assert_int_eq(exit_code(confined(try_eat_memory)), FAILED_WITH + ENOMEM);
}
END_TEST

static int try_parent_death_signal(void *arg)
{
    (void)arg;
    return code(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && getppid() > 1);
}

START_TEST(the_parents_death_can_still_be_watched)
{
    assert_worked(confined(try_parent_death_signal));
}
END_TEST

START_TEST(the_parents_death_signal_outlives_the_change_of_user)
{
    int ready[2], status;
    pid_t grandchild = 0;
    ck_assert_int_eq(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        pid_t pid = fork();
        if (pid == 0) {
            char message[200];
            prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
            if (confine_self(plan, message, sizeof message) < 0)
                _exit(CONFINE_FAILED);
            pid = getpid();
            if (write(ready[1], &pid, sizeof pid) == (ssize_t)sizeof pid)
                for (;;)
                    poll(NULL, 0, -1);
            _exit(1);
        }
        for (;;)
            pause();
    }
    ck_assert_int_eq(read(ready[0], &grandchild, sizeof grandchild), (ssize_t)sizeof grandchild);
    close(ready[1]);
    kill(child, SIGKILL);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    /* The pipe's last writer is gone when the grandchild is. */
    ck_assert_int_eq(read(ready[0], &status, 1), 0);
    close(ready[0]);
}
END_TEST

/* Allowed: a whole fetch's worth of libraries. */

struct server {
    int fd;
    uint16_t port;
};

static struct server server_open(int type)
{
    struct server s = {.fd = socket(AF_INET, type, 0)};
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    ck_assert_int_eq(bind(s.fd, (struct sockaddr *)&at, sizeof at), 0);
    if (type == SOCK_STREAM)
        ck_assert_int_eq(listen(s.fd, 5), 0);
    ck_assert_int_eq(getsockname(s.fd, (struct sockaddr *)&at, &len), 0);
    s.port = ntohs(at.sin_port);
    return s;
}

static int dial(uint16_t port)
{
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP), error = 0;
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof error;
    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0)
        return -1;
    if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS)
        return -1;
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    if (poll(&p, 1, 5000) != 1 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error)
        return -1;
    return fcntl(fd, F_SETFL, 0) < 0 ? -1 : fd;
}

static SSL_CTX *server_context(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    X509 *cert = X509_new();
    ck_assert(ctx && key && cert);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const unsigned char *)"test",
                               -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    X509_set_pubkey(cert, key);
    ck_assert_int_gt(X509_sign(cert, key, EVP_sha256()), 0);
    ck_assert_int_eq(SSL_CTX_use_certificate(ctx, cert), 1);
    ck_assert_int_eq(SSL_CTX_use_PrivateKey(ctx, key), 1);
    X509_free(cert);
    EVP_PKEY_free(key);
    return ctx;
}

static pid_t serve_tls(const struct server *s)
{
    pid_t pid = fork();
    if (pid)
        return pid;
    SSL_CTX *ctx = server_context();
    SSL *ssl = SSL_new(ctx);
    int fd = accept(s->fd, NULL, NULL);
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) != 1 || SSL_write(ssl, "hello", 5) != 5)
        _exit(1);
    SSL_shutdown(ssl);
    _exit(0);
}

static int try_tls(void *arg)
{
    char text[8];
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (!ctx || SSL_CTX_load_verify_dir(ctx, hashed) != 1)
        return 1;
    SSL *ssl = SSL_new(ctx);
    int fd = dial(*(uint16_t *)arg);
    if (!ssl || fd < 0 || SSL_set_fd(ssl, fd) != 1)
        return 2;
    if (SSL_connect(ssl) != 1 || SSL_read(ssl, text, sizeof text) != 5)
        return 3;
    /* It was looked for among the hashed certificates, and is none of them. */
    if (SSL_get_verify_result(ssl) != X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT)
        return 4;
    SSL_shutdown(ssl);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(fd);
    return WORKED;
}

START_TEST(a_tls_handshake_works)
{
    int status;
    struct server s = server_open(SOCK_STREAM);
    pid_t pid = serve_tls(&s);
    close(s.fd);
    assert_worked(confined_arg(try_tls, &s.port));
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}
END_TEST

/* Answers one query: there is no such name. */
static pid_t serve_dns(const struct server *s)
{
    pid_t pid = fork();
    if (pid)
        return pid;
    for (;;) {
        unsigned char packet[512];
        struct sockaddr_in from;
        socklen_t len = sizeof from;
        ssize_t n = recvfrom(s->fd, packet, sizeof packet, 0, (struct sockaddr *)&from, &len);
        if (n < 12)
            continue;
        packet[2] |= 0x80;
        packet[3] = 3;
        packet[11] = 0; /* no additional records */
        sendto(s->fd, packet, (size_t)n, 0, (struct sockaddr *)&from, len);
    }
}

struct lookup {
    bool done;
    int status;
};

static void looked_up(void *arg, int status, int timeouts, struct ares_addrinfo *result)
{
    struct lookup *l = arg;
    (void)timeouts;
    l->done = true;
    l->status = status;
    ares_freeaddrinfo(result);
}

static int look_up(ares_channel channel, const char *name)
{
    struct lookup l = {false, 0};
    struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC};
    ares_getaddrinfo(channel, name, NULL, &hints, looked_up, &l);
    while (!l.done) {
        ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
        struct pollfd p[ARES_GETSOCK_MAXNUM];
        int bits = ares_getsock(channel, sockets, ARES_GETSOCK_MAXNUM);
        nfds_t n = 0;
        for (int i = 0; i < ARES_GETSOCK_MAXNUM; i++)
            if (ARES_GETSOCK_READABLE(bits, i))
                p[n++] = (struct pollfd){.fd = sockets[i], .events = POLLIN};
        poll(p, n, 1000);
        for (nfds_t i = 0; i < n; i++)
            ares_process_fd(channel, p[i].revents ? p[i].fd : ARES_SOCKET_BAD, ARES_SOCKET_BAD);
        if (n == 0)
            ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    }
    return l.status;
}

static int try_lookup(void *arg)
{
    char servers[32];
    ares_channel channel;
    struct ares_options options = {.timeout = 2000, .tries = 1};
    if (ares_init_options(&channel, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES) != ARES_SUCCESS)
        return 1;
    snprintf(servers, sizeof servers, "127.0.0.1:%u", *(uint16_t *)arg);
    if (ares_set_servers_ports_csv(channel, servers) != ARES_SUCCESS)
        return 2;
    if (look_up(channel, "localhost") != ARES_SUCCESS)
        return 3;
    if (look_up(channel, "no-such-name.test.") != ARES_ENOTFOUND)
        return 4;
    ares_destroy(channel);
    return WORKED;
}

START_TEST(names_are_looked_up)
{
    int status;
    struct server s = server_open(SOCK_DGRAM);
    pid_t pid = serve_dns(&s);
    close(s.fd);
    assert_worked(confined_arg(try_lookup, &s.port));
    kill(pid, SIGKILL);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
}
END_TEST

/* Landlock by itself, without the filter of calls, which would end the process before. */

static bool refused(bool failed, int error)
{
    return failed && errno == error;
}

static int abstract_connect(int fd, const struct sockaddr_un *address)
{
    return connect(fd, (const struct sockaddr *)address, (socklen_t)sizeof *address);
}

/* 0, or the number of the first that was not refused. */
static int try_all_of_landlock(const struct sockaddr_un *address)
{
    char name[] = "true", *const argv[] = {name, NULL};
    struct sockaddr_in any = {.sin_family = AF_INET};
    char path[192];
    snprintf(path, sizeof path, "%s/made", dir);
    if (!refused(open(unlisted, O_RDONLY) < 0, EACCES))
        return 1;
    if (!refused(open(listed, O_WRONLY) < 0, EACCES))
        return 2;
    if (!refused(open(path, O_WRONLY | O_CREAT, 0600) < 0, EACCES))
        return 3;
    if (!refused(mkdir(path, 0700) < 0, EACCES) || !refused(unlink(listed) < 0, EACCES))
        return 4;
    if (!refused(execv("/bin/true", argv) < 0, EACCES))
        return 5;
    if (support.landlock_abi >= 3 && !refused(truncate(listed, 0) < 0, EACCES))
        return 6;
    if (support.landlock_abi >= 4 &&
        !refused(bind(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&any, sizeof any) < 0, EACCES))
        return 7;
    if (support.landlock_abi >= 6 &&
        (!refused(kill(getppid(), 0) < 0, EPERM) ||
         !refused(abstract_connect(socket(AF_UNIX, SOCK_STREAM, 0), address) < 0, EPERM)))
        return 8;
    int fd = open(listed, O_RDONLY);
    return fd < 0 ? 9 : 0;
}

START_TEST(landlock_alone_refuses_what_it_can)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int status, server = socket(AF_UNIX, SOCK_STREAM, 0);
    if (!support.kernel[CONFINE_LANDLOCK])
        return;
    snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "check_confine-%d", (int)getpid());
    ck_assert_int_eq(bind(server, (struct sockaddr *)&address, (socklen_t)sizeof address), 0);
    ck_assert_int_eq(listen(server, 1), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char *paths[] = {listed};
        struct readable one = {.paths = paths, .count = 1};
        char message[200];
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
            landlock_restrict(&one, message, sizeof message) < 0)
            _exit(CONFINE_FAILED);
        _exit(try_all_of_landlock(&address));
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(exit_code(status), 0);
    close(server);
}
END_TEST

/* Levels. */

START_TEST(off_changes_the_user_and_nothing_else)
{
    char message[200];
    struct confine_options options = {.level = CONFINE_OFF};
    struct confine_plan *saved = plan, *off;
    if (geteuid() == 0) {
        options.change_user = true;
        ck_assert_int_eq(confine_user("nobody", &options.uid, &options.gid, message, sizeof message), 0);
    }
    ck_assert_int_eq(confine_prepare(&options, &off, message, sizeof message), 0);
    plan = off;
    assert_worked(confined_arg(try_read, unlisted));
    assert_worked(confined(try_fork));
    if (geteuid() == 0)
        ck_assert_int_eq(exit_code(confined(try_setuid)), FAILED_WITH + EPERM);
    plan = saved;
    confine_release(off);
}
END_TEST

START_TEST(require_says_what_is_missing)
{
    char message[200] = "", missing[100];
    struct confine_options options = {.level = CONFINE_REQUIRE};
    struct confine_plan *required = NULL;
    unsigned n = confine_missing(&support, missing, sizeof missing);
    int result = confine_prepare(&options, &required, message, sizeof message);
    ck_assert_int_eq(result, n ? -1 : 0);
    if (n)
        ck_assert_ptr_nonnull(strstr(message, missing));
    confine_release(required);
}
END_TEST

START_TEST(missing_pieces_are_named)
{
    struct confine_support s = {.landlock_abi = 0};
    char text[100], small[8];
    for (unsigned i = 0; i < CONFINE_PIECES; i++)
        s.built[i] = s.kernel[i] = true;
    ck_assert_uint_eq(confine_missing(&s, text, sizeof text), 0);
    ck_assert_str_eq(text, "");
    s.built[CONFINE_SECCOMP] = s.kernel[CONFINE_LANDLOCK] = false;
    ck_assert_uint_eq(confine_missing(&s, text, sizeof text), 2);
    ck_assert_str_eq(text, "landlock, seccomp");
    ck_assert_uint_eq(confine_missing(&s, small, sizeof small), 2);
    ck_assert_str_eq(small, "landloc");
}
END_TEST

START_TEST(users_are_looked_up_by_name_and_number)
{
    uid_t uid = 1;
    gid_t gid = 1;
    char message[200] = "";
    ck_assert_int_eq(confine_user("root", &uid, &gid, message, sizeof message), 0);
    ck_assert_uint_eq(uid, 0);
    ck_assert_uint_eq(gid, 0);
    uid = 1;
    ck_assert_int_eq(confine_user("0", &uid, &gid, message, sizeof message), 0);
    ck_assert_uint_eq(uid, 0);
    ck_assert_int_eq(confine_user("no such user", &uid, &gid, message, sizeof message), -1);
    ck_assert_str_eq(message, "there is no user no such user");
    ck_assert_int_eq(confine_user("4294967295", &uid, &gid, message, sizeof message), -1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("confine");
    TCase *t = tcase_create("confine");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, what_a_fetch_never_does_ends_the_process, 0, DEADLY_ATTEMPTS);
    tcase_add_test(t, other_socket_families_are_refused);
    tcase_add_test(t, files_outside_the_list_cannot_be_read);
    tcase_add_test(t, listed_files_and_links_to_them_can_be_read);
    tcase_add_test(t, a_listed_directory_can_be_listed_and_its_parent_not);
    tcase_add_test(t, a_confined_process_has_no_rights_left);
    tcase_add_test(t, what_children_are_spared_costs_the_parent_no_right);
    tcase_add_test(t, a_confined_process_is_nobody_with_small_limits);
    tcase_add_test(t, abort_still_ends_by_its_own_signal);
    tcase_add_test(t, address_space_is_bounded);
    tcase_add_test(t, the_parents_death_can_still_be_watched);
    tcase_add_test(t, the_parents_death_signal_outlives_the_change_of_user);
    tcase_add_test(t, a_tls_handshake_works);
    tcase_add_test(t, names_are_looked_up);
    tcase_add_test(t, landlock_alone_refuses_what_it_can);
    tcase_add_test(t, off_changes_the_user_and_nothing_else);
    tcase_add_test(t, require_says_what_is_missing);
    tcase_add_test(t, missing_pieces_are_named);
    tcase_add_test(t, users_are_looked_up_by_name_and_number);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failures = srunner_ntests_failed(r);
    srunner_free(r);
    return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
