/* What a fetch does and what its libraries try, call by call; anything else ends the process. */
#include "config.h"

#include "confine/filter_rules.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* The arguments' conditions, all of which must hold. Names beside numbers: libseccomp's own macros build
 * the same struct. */
#define ARG_IS(n, value)                                                                                     \
    {                                                                                                        \
        (n), SCMP_CMP_EQ, (value), 0                                                                         \
    }
#define ARG_BELOW(n, value)                                                                                  \
    {                                                                                                        \
        (n), SCMP_CMP_LT, (value), 0                                                                         \
    }
#define ARG_ABOVE(n, value)                                                                                  \
    {                                                                                                        \
        (n), SCMP_CMP_GT, (value), 0                                                                         \
    }
#define ARG_WITHOUT(n, bits)                                                                                 \
    {                                                                                                        \
        (n), SCMP_CMP_MASKED_EQ, (uint64_t)(bits), 0                                                         \
    }
#define ARG_IS_ASIDE(n, value, bits)                                                                         \
    {                                                                                                        \
        (n), SCMP_CMP_MASKED_EQ, ~(uint64_t)(bits), (value)                                                  \
    }

#define OPEN_FOR_WRITING (O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND | (O_TMPFILE & ~O_DIRECTORY))
#define SOCKET_FLAGS     (SOCK_CLOEXEC | SOCK_NONBLOCK)

struct rule {
    const char *call;
    unsigned conditions; /* how many of `args` count */
    struct scmp_arg_cmp args[3];
};

/* Allowed whatever the arguments. */
static const struct rule allowed[] = {
    /* The two pipes and the sockets. */
    {.call = "read"},
    {.call = "readv"},
    {.call = "pread64"}, /* files of certificates */
    {.call = "write"},
    {.call = "writev"},
    {.call = "close"},
    {.call = "poll"},
    {.call = "ppoll"},   /* poll, where the architecture has no other */
    {.call = "connect"}, /* TCP and UDP: socket() below lets nothing else come to be */
    {.call = "shutdown"},
    {.call = "sendto"},   /* send */
    {.call = "recvfrom"}, /* recv */
    {.call = "sendmsg"},
    {.call = "recvmsg"},
    {.call = "getsockname"}, /* the resolver's choice among addresses (RFC 6724) */
    {.call = "getpeername"},
    /* Memory; mmap and mprotect are below. */
    {.call = "brk"},
    {.call = "munmap"},
    {.call = "mremap"},
    {.call = "madvise"}, /* malloc gives memory back */
    /* Looking at files: hosts, resolv.conf, certificates. Which ones is Landlock's part. */
    {.call = "fstat"},
    {.call = "fstat64"},
    {.call = "stat"},
    {.call = "stat64"},
    {.call = "lstat"},
    {.call = "lstat64"},
    {.call = "newfstatat"},
    {.call = "fstatat64"},
    {.call = "statx"},
    {.call = "access"},
    {.call = "faccessat"},
    {.call = "faccessat2"},
    {.call = "readlink"},
    {.call = "readlinkat"},
    {.call = "lseek"},
    {.call = "_llseek"},
    {.call = "getdents64"}, /* a hashed directory */
    /* Time, waiting, chance. */
    {.call = "clock_gettime"}, /* where the vDSO can't */
    {.call = "clock_gettime64"},
    {.call = "clock_getres"},
    {.call = "gettimeofday"},
    {.call = "time"},
    {.call = "nanosleep"},
    {.call = "clock_nanosleep"},
    {.call = "clock_nanosleep_time64"},
    {.call = "ppoll_time64"},
    {.call = "sched_yield"}, /* OpenSSL's locks, reads from servers */
    {.call = "futex"},
    {.call = "futex_time64"},
    {.call = "getrandom"},
    {.call = "restart_syscall"}, /* after SIGSTOP and SIGCONT */
    /* Who am I: OpenSSL after a fork, secure_getenv, raise. */
    {.call = "getpid"},
    {.call = "getppid"}, /* has the parent ended */
    {.call = "gettid"},
    {.call = "getuid"},
    {.call = "geteuid"},
    {.call = "getgid"},
    {.call = "getegid"},
    {.call = "getuid32"},
    {.call = "geteuid32"},
    {.call = "getgid32"},
    {.call = "getegid32"},
    {.call = "uname"},   /* the resolver's search domain */
    {.call = "sysinfo"}, /* qsort asks how much memory there is */
    {.call = "getrusage"},
    /* Signals to be ignored or to die from, and the end. */
    {.call = "rt_sigaction"},
    {.call = "rt_sigprocmask"},
    {.call = "rt_sigreturn"},
    {.call = "sigreturn"},
    {.call = "sigaltstack"},
    {.call = "exit"},
    {.call = "exit_group"},
};

/* Allowed with these arguments only; several rules for one call are alternatives. */
static const struct rule allowed_if[] = {
    /* Files for reading, memory never for code. */
    {"open", 1, {ARG_WITHOUT(1, OPEN_FOR_WRITING)}},
    {"openat", 1, {ARG_WITHOUT(2, OPEN_FOR_WRITING)}},
    {"mmap", 1, {ARG_WITHOUT(2, PROT_EXEC)}},
    {"mmap2", 1, {ARG_WITHOUT(2, PROT_EXEC)}},
    {"mprotect", 1, {ARG_WITHOUT(2, PROT_EXEC)}},
    /* TCP and UDP and nothing like them: no raw, ping, SCTP, MPTCP sockets. */
    {"socket", 3, {ARG_IS(0, AF_INET), ARG_IS_ASIDE(1, SOCK_STREAM, SOCKET_FLAGS), ARG_IS(2, 0)}},
    {"socket", 3, {ARG_IS(0, AF_INET), ARG_IS_ASIDE(1, SOCK_STREAM, SOCKET_FLAGS), ARG_IS(2, IPPROTO_TCP)}},
    {"socket", 3, {ARG_IS(0, AF_INET), ARG_IS_ASIDE(1, SOCK_DGRAM, SOCKET_FLAGS), ARG_IS(2, 0)}},
    {"socket", 3, {ARG_IS(0, AF_INET), ARG_IS_ASIDE(1, SOCK_DGRAM, SOCKET_FLAGS), ARG_IS(2, IPPROTO_UDP)}},
    {"socket", 3, {ARG_IS(0, AF_INET6), ARG_IS_ASIDE(1, SOCK_STREAM, SOCKET_FLAGS), ARG_IS(2, 0)}},
    {"socket", 3, {ARG_IS(0, AF_INET6), ARG_IS_ASIDE(1, SOCK_STREAM, SOCKET_FLAGS), ARG_IS(2, IPPROTO_TCP)}},
    {"socket", 3, {ARG_IS(0, AF_INET6), ARG_IS_ASIDE(1, SOCK_DGRAM, SOCKET_FLAGS), ARG_IS(2, 0)}},
    {"socket", 3, {ARG_IS(0, AF_INET6), ARG_IS_ASIDE(1, SOCK_DGRAM, SOCKET_FLAGS), ARG_IS(2, IPPROTO_UDP)}},
    /* Their options: what dialling and the resolver set. */
    {"getsockopt", 1, {ARG_IS(1, SOL_SOCKET)}},
    {"getsockopt", 1, {ARG_IS(1, IPPROTO_TCP)}},
    {"setsockopt", 2, {ARG_IS(1, SOL_SOCKET), ARG_IS(2, SO_KEEPALIVE)}},
    {"setsockopt", 2, {ARG_IS(1, SOL_SOCKET), ARG_IS(2, SO_LINGER)}},
    {"setsockopt", 2, {ARG_IS(1, SOL_SOCKET), ARG_IS(2, SO_RCVBUF)}},
    {"setsockopt", 2, {ARG_IS(1, SOL_SOCKET), ARG_IS(2, SO_SNDBUF)}},
    {"setsockopt", 2, {ARG_IS(1, SOL_SOCKET), ARG_IS(2, SO_RCVTIMEO)}},
    {"setsockopt", 2, {ARG_IS(1, SOL_SOCKET), ARG_IS(2, SO_SNDTIMEO)}},
    {"setsockopt", 2, {ARG_IS(1, SOL_SOCKET), ARG_IS(2, SO_RCVLOWAT)}},
    {"setsockopt", 2, {ARG_IS(1, IPPROTO_TCP), ARG_IS(2, TCP_NODELAY)}},
    {"setsockopt", 2, {ARG_IS(1, IPPROTO_TCP), ARG_IS(2, TCP_QUICKACK)}},
    {"setsockopt", 2, {ARG_IS(1, IPPROTO_TCP), ARG_IS(2, TCP_USER_TIMEOUT)}},
    {"setsockopt", 2, {ARG_IS(1, IPPROTO_TCP), ARG_IS(2, TCP_FASTOPEN_CONNECT)}},
    {"setsockopt", 2, {ARG_IS(1, IPPROTO_TCP), ARG_IS(2, TCP_KEEPIDLE)}},
    {"setsockopt", 2, {ARG_IS(1, IPPROTO_TCP), ARG_IS(2, TCP_KEEPINTVL)}},
    {"setsockopt", 2, {ARG_IS(1, IPPROTO_TCP), ARG_IS(2, TCP_KEEPCNT)}},
    {"setsockopt", 2, {ARG_IS(1, IPPROTO_IP), ARG_IS(2, IP_TOS)}},
    {"setsockopt", 2, {ARG_IS(1, IPPROTO_IP), ARG_IS(2, IP_RECVERR)}},
    {"setsockopt", 2, {ARG_IS(1, IPPROTO_IP), ARG_IS(2, IP_BIND_ADDRESS_NO_PORT)}},
    {"setsockopt", 2, {ARG_IS(1, IPPROTO_IPV6), ARG_IS(2, IPV6_V6ONLY)}},
    {"setsockopt", 2, {ARG_IS(1, IPPROTO_IPV6), ARG_IS(2, IPV6_RECVERR)}},
    {"setsockopt", 2, {ARG_IS(1, IPPROTO_IPV6), ARG_IS(2, IPV6_TCLASS)}},
    /* Blocking or not, closed on exec or not; bytes waiting. */
    {"fcntl", 1, {ARG_IS(1, F_GETFD)}},
    {"fcntl", 1, {ARG_IS(1, F_SETFD)}},
    {"fcntl", 1, {ARG_IS(1, F_GETFL)}},
    {"fcntl", 1, {ARG_IS(1, F_SETFL)}},
    {"fcntl64", 1, {ARG_IS(1, F_GETFD)}},
    {"fcntl64", 1, {ARG_IS(1, F_SETFD)}},
    {"fcntl64", 1, {ARG_IS(1, F_GETFL)}},
    {"fcntl64", 1, {ARG_IS(1, F_SETFL)}},
    {"ioctl", 1, {ARG_IS(1, FIONREAD)}},
    {"ioctl", 1, {ARG_IS(1, FIONBIO)}},
    /* Dying with the parent; asking for limits, of this process and without setting them. */
    {"prctl", 2, {ARG_IS(0, PR_SET_PDEATHSIG), ARG_IS(1, SIGKILL)}},
    {"prlimit64", 2, {ARG_IS(0, 0), ARG_IS(2, 0)}},
    /* abort must end by SIGABRT, and no other process may be signalled. */
    {"tgkill", 2, {ARG_IS(0, FILTER_OWN_PID), ARG_IS(2, SIGABRT)}},
};

/* Refused, not deadly: what libraries try and can do without. */
static const struct {
    int error;
    struct rule rule;
} refused[] = {
    /* The resolver and libc ask other families: routes by netlink, name service by UNIX socket. */
    {EAFNOSUPPORT, {"socket", 1, {ARG_BELOW(0, AF_INET)}}},
    {EAFNOSUPPORT, {"socket", 1, {ARG_ABOVE(0, AF_INET6)}}},
    /* stdio asks whether a file is a terminal. */
    {ENOTTY, {"ioctl", 1, {ARG_IS(1, TCGETS)}}},
    /* malloc names its areas, and counts CPUs. */
    {EINVAL, {"prctl", 1, {ARG_IS(0, 0x53564d41 /* PR_SET_VMA */)}}},
    {EPERM, {.call = "sched_getaffinity"}},
    /* A filter can't look into its struct: libc then takes openat. */
    {ENOSYS, {.call = "openat2"}},
};

/* A call that this architecture or this libseccomp doesn't know can't be made by name either: no rule. */
static int add_rule(scmp_filter_ctx context, uint32_t action, const struct rule *rule)
{
    int number = seccomp_syscall_resolve_name(rule->call);
    if (number == __NR_SCMP_ERROR || number < 0)
        return 0;
    return seccomp_rule_add_array(context, action, number, rule->conditions, rule->args);
}

static int add_rules(scmp_filter_ctx context)
{
    int error = 0;
    for (size_t i = 0; !error && i < sizeof allowed / sizeof *allowed; i++)
        error = add_rule(context, SCMP_ACT_ALLOW, &allowed[i]);
    for (size_t i = 0; !error && i < sizeof allowed_if / sizeof *allowed_if; i++)
        error = add_rule(context, SCMP_ACT_ALLOW, &allowed_if[i]);
    for (size_t i = 0; !error && i < sizeof refused / sizeof *refused; i++)
        error = add_rule(context, SCMP_ACT_ERRNO((uint32_t)refused[i].error), &refused[i].rule);
    return error;
}

/* Reads the whole program that libseccomp wrote to the other end of `fd`, which is closed by now. */
static int read_code(int fd, struct sock_filter **ret_code, size_t *ret_length)
{
    size_t most = BPF_MAXINSNS * sizeof **ret_code, have = 0;
    char *code = malloc(most);
    ssize_t n = 0;
    while (code && have < most && (n = read(fd, code + have, most - have)) > 0)
        have += (size_t)n;
    if (!code || n < 0 || have == 0 || have % sizeof **ret_code) {
        free(code);
        return code ? EIO : ENOMEM;
    }
    *ret_code = (struct sock_filter *)(void *)code;
    *ret_length = have / sizeof **ret_code;
    return 0;
}

/* The program as libseccomp writes it: to a socket, which holds it whatever the limits on files and pipes. */
static int export_code(scmp_filter_ctx context, struct sock_filter **ret_code, size_t *ret_length)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
        return errno;
    int error = -seccomp_export_bpf(context, ends[1]);
    close(ends[1]);
    if (!error)
        error = read_code(ends[0], ret_code, ret_length);
    close(ends[0]);
    return error;
}

int filter_rules_compile(bool build, struct sock_filter **ret_code, size_t *ret_length)
{
    enum { KILLS_PROCESS = 3 }; /* libseccomp's level of what a kernel can */
    if (build)
        (void)seccomp_api_set(KILLS_PROCESS);
    scmp_filter_ctx context = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!context)
        return ENOMEM;
    int error = -seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    (void)seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree; older ones have a list */
    if (!error)
        error = -add_rules(context);
    if (!error)
        error = export_code(context, ret_code, ret_length);
    seccomp_release(context);
    return error;
}
