/* Setting a run up: whatever can be wrong with its options is found here, before anything is fetched. */
#include "run_state.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fresh.h"
#include "fetch/memory.h"

static int usage(const char *message)
{
    fprintf(stderr, "pfetch: %s\n", message);
    return -1;
}

/* What could not be opened for writing is told from what is wrong in itself by its kind. */
static int failed(struct run *r, const struct fetch_error *err)
{
    r->output_failed = err->kind == ERROR_OUTPUT;
    return usage(err->message);
}

static int open_input(struct run *r)
{
    const struct run_options *o = r->o;
    if (o->operand_count > 0) {
        r->input = input_from_operands(o->operands, o->operand_count);
    } else if (o->measured) {
        r->input = input_from_fd(o->input_fd, false, "the list");
    } else if (o->input_path && strcmp(o->input_path, "-") != 0) {
        signals_let_kill();
        int fd = open(o->input_path, O_RDONLY | O_CLOEXEC);
        int error = errno;
        signals_hold();
        if (fd < 0) {
            fprintf(stderr, "pfetch: %s: %s\n", o->input_path, strerror(error));
            return -1;
        }
        r->input = input_from_fd(fd, true, o->input_path);
    } else {
        r->input = input_from_fd(STDIN_FILENO, false, "standard input");
    }
    return r->input ? 0 : usage("out of memory");
}

/* What the run needs: the executor's, a file of -d for each target under way, and some of our own. */
static size_t descriptors(const struct run_options *o, uint32_t workers)
{
    return executor_descriptors(o->mode, workers) + (o->output_dir ? workers : 0) + DESCRIPTORS_OF_OUR_OWN;
}

/* Raises the limit of descriptors and sees how many workers fit under it; says so where they are fewer. */
static uint32_t fit_workers(const struct run_options *o)
{
    struct rlimit limit;
    uint32_t workers = o->mode == EXECUTOR_SERIAL ? 1 : o->workers;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return workers;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    while (workers > 1 && descriptors(o, workers) > limit.rlim_cur)
        workers--;
    if (o->mode != EXECUTOR_SERIAL && workers < o->workers)
        fprintf(stderr, "pfetch: %u workers instead of %u: the limit of open files is %llu (ulimit -Hn)\n",
                workers, o->workers, (unsigned long long)limit.rlim_cur);
    return workers;
}

/* Idle connections must leave room in the table of descriptors, which threads share. */
static uint32_t idle_connections(const struct run_options *o, uint32_t workers)
{
    struct rlimit limit;
    bool shared = o->mode != EXECUTOR_PROCESS;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return IDLE_CONNECTIONS_MAX;
    size_t used = shared ? descriptors(o, workers) : DESCRIPTORS_OF_A_FETCH;
    size_t each = limit.rlim_cur > used ? (limit.rlim_cur - used) / (shared ? workers : 1) : 0;
    return each > IDLE_CONNECTIONS_MAX ? IDLE_CONNECTIONS_MAX : (uint32_t)each;
}

/* Lines of the journal that don't count are named: their targets are fetched again. */
static void name_damaged(const struct run *r)
{
    uint64_t lines[RESUME_DAMAGED_MAX];
    uint64_t count = r->resume ? resume_damaged(r->resume, lines, RESUME_DAMAGED_MAX) : 0;
    for (uint64_t i = 0; i < count && i < RESUME_DAMAGED_MAX; i++)
        fprintf(stderr, "pfetch: %s:%llu: a damaged line, which does not count\n", r->o->joblog_path,
                (unsigned long long)lines[i]);
    if (count > RESUME_DAMAGED_MAX)
        fprintf(stderr, "pfetch: %s: %llu damaged lines in all\n", r->o->joblog_path,
                (unsigned long long)count);
}

static int open_journal(struct run *r, bool resume)
{
    struct fetch_error err;
    if (r->joblog || !r->o->joblog_path || r->o->dry_run)
        return 0;
    signals_let_kill(); /* a FIFO may wait */
    int result = joblog_open(r->o->joblog_path, resume, &r->joblog, &err);
    signals_hold();
    return result < 0 ? failed(r, &err) : 0;
}

/* It is ours before it is read: what another run still wrote would be done twice. */
static int load_journal(struct run *r)
{
    const struct run_options *o = r->o;
    struct fetch_error err;
    if (!o->resume && !o->resume_failed)
        return 0;
    if (open_journal(r, true) < 0)
        return -1;
    if (resume_load(o->joblog_path, r->joblog, o->resume_failed ? RESUME_ANSWERED : RESUME_ALL, &r->resume,
                    &err) < 0)
        return failed(r, &err);
    name_damaged(r);
    return 0;
}

/* From here on files change: all that could be refused has been opened, and the journal refuses first. */
static int start_outputs(struct run *r)
{
    struct fetch_error err;
    if (open_journal(r, false) < 0)
        return -1;
    return outputs_start(r->outputs, &err) < 0 ? failed(r, &err) : 0;
}

/* A failure that has no place on standard output; whoever closed that pipe has heard enough. */
static void complain(void *arg, struct span line)
{
    const struct run *r = arg;
    if (!r->outputs || !outputs_broken_pipe(r->outputs))
        say_bytes(arg, line.data, line.len);
}

/* Reports may go to the same terminal, through a pipe even: the progress line is out of their way until the
 * next drawing. */
static void on_writing(void *arg, bool now)
{
    struct run *r = arg;
    r->writing = now;
    if (now)
        progress_hide(r->progress);
}

static int open_outputs(struct run *r)
{
    struct outputs_options options = {
        .run = r->o,
        .wake_fd = r->signals.fd,
        .wake = run_wake,
        .resume = run_on_resume,
        .delivered = run_on_delivered,
        .writing = r->o->output_path ? NULL : on_writing,
        .complain = complain,
        .arg = r,
    };
    struct fetch_error err;
    return outputs_open(&options, &r->outputs, &err) < 0 ? failed(r, &err) : 0;
}

static int open_schedule(struct run *r, uint32_t workers)
{
    const struct run_options *o = r->o;
    struct schedule_options options = {
        .input_order = r->input_order,
        .waiting_max = WAITING_MAX,
        .window_max = WAITING_MAX,
        .affinity = o->affinity && o->mode != EXECUTOR_SERIAL ? workers : 0,
        .rate = o->rate,
        .per_host = o->per_host,
        .per_host_delay = o->per_host_delay,
        .retries = o->retries,
        .retry_delay = o->retry_delay,
        .retry_after_max = RETRY_AFTER_MAX,
        .seed = (uint64_t)wall_now_us() ^ (uint64_t)getpid() << 32,
    };
    r->schedule = schedule_new(&options);
    r->occurrences = o->joblog_path || o->output_dir ? occurrences_new() : NULL;
    if (!r->schedule || ((o->joblog_path || o->output_dir) && !r->occurrences))
        return usage("out of memory");
    return 0;
}

static bool is_fifo(const char *path)
{
    struct stat st;
    return path && stat(path, &st) == 0 && S_ISFIFO(st.st_mode);
}

/* Reads what the fetches need from files. One that is a FIFO may wait for its writer for ever: then a signal
 * ends the run at once, though outputs that are open already are not put in order. */
static int load_fetch(struct run *r, const struct fetch_config *config, struct fetch_error *err)
{
    bool waits = is_fifo(config->cacert) || is_fifo(config->cert) || is_fifo(config->key);
    if (waits)
        signals_let_kill();
    int result = fetch_setup(config, &r->shared, err);
    if (waits)
        signals_hold();
    return result;
}

static int setup_fetch(struct run *r, uint32_t workers)
{
    struct fetch_config config = r->o->fetch;
    struct fetch_error err;
    config.want_body = outputs_want_body(r->outputs);
    config.want_wire = outputs_want_wire(r->outputs);
    config.want_cert = r->o->format == FORMAT_JSON;
    config.verbose = r->o->verbose > 0;
    config.idle_connections = idle_connections(r->o, workers);
    return load_fetch(r, &config, &err) < 0 ? failed(r, &err) : 0;
}

/* The sandbox is compiled once, before the fork. */
static int setup_confine(struct run *r)
{
    const struct run_options *o = r->o;
    char message[400];
    if (o->mode != EXECUTOR_PROCESS)
        return 0;
    struct confine_options options = {.level = o->sandbox, .readable = fetch_readable_paths(r->shared)};
    if (geteuid() == 0) {
        options.change_user = true;
        if (confine_user(o->user ? o->user : "nobody", &options.uid, &options.gid, message, sizeof message) <
            0) {
            fprintf(stderr, "pfetch: %s%s\n", message, o->user ? "" : ": say with --user who workers become");
            return -1;
        }
    }
    if (confine_prepare(&options, &r->confine, message, sizeof message) < 0)
        return usage(message);
    if (o->sandbox != CONFINE_OFF || options.change_user)
        confine_children(); /* no program is executed from here on */
    if (o->verbose && o->sandbox == CONFINE_AUTO) {
        struct confine_support support;
        confine_probe(&support);
        if (confine_missing(&support, message, sizeof message) > 0)
            fprintf(stderr, "pfetch: the sandbox has to do without: %s\n", message);
    }
    return 0;
}

/* Each thread's arena of malloc's would take 64 MiB of addresses, used or not. */
static void spare_addresses(const struct run_options *o)
{
    struct rlimit limit;
    if (o->mode == EXECUTOR_THREAD && getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        (void)mallopt(M_ARENA_MAX, 1);
}

/* Many worker processes are there, or coming: what a handshake leaves behind is shared by those that start
 * from now on. */
static bool warm_up(void *arg)
{
    const struct run *r = arg;
    if (!r->over_tls)
        return false;
    fetch_warm(r->shared);
    fresh_prepare();
    return true;
}

static int open_executor(struct run *r, uint32_t workers)
{
    struct executor_options options = EXECUTOR_OPTIONS_INIT;
    char message[400];
    r->task = (struct task_setup){
        .shared = r->shared, .confine = r->confine, .memory_address = r->o->memory_address};
    options.mode = r->o->mode;
    options.max_workers = workers;
    options.max_tasks_per_worker = r->o->max_tasks_per_worker;
    options.send_ahead = !r->only_idle;
    options.initializer = task_initialize;
    options.task = task_run;
    options.finalizer = task_finalize;
    options.arg = &r->task;
    options.wake_fd = r->signals.fd;
    options.wake = run_wake;
    options.wake_arg = r;
    options.prepare_from = WARM_FROM;
    options.prepare = warm_up;
    options.prepare_arg = r;
    spare_addresses(r->o);
    if (r->o->mode != EXECUTOR_PROCESS)
        memory_spread();
    if (r->o->mode == EXECUTOR_THREAD && fetch_share(r->shared, workers) < 0)
        return usage("out of memory");
    r->executor = executor_new(&options, message, sizeof message);
    return r->executor ? 0 : usage(message);
}

/* On a terminal that can draw, unless reports go there. */
static bool progress_by_default(const struct run_options *o)
{
    const char *term = getenv("TERM");
    bool draws = isatty(STDERR_FILENO) && !(term && strcmp(term, "dumb") == 0);
    return draws && (o->output_path || o->format == FORMAT_NONE || !isatty(STDOUT_FILENO));
}

static void open_progress(struct run *r)
{
    bool on =
        r->o->progress == PROGRESS_ON || (r->o->progress == PROGRESS_DEFAULT && progress_by_default(r->o));
    bool among_bodies = r->o->format == FORMAT_BODY && !r->o->output_path && isatty(STDOUT_FILENO);
    if (!on || r->o->dry_run || among_bodies)
        return;
    r->progress = progress_new(STDERR_FILENO);
    signals_timer(&r->signals, deadline_add(r->started, PROGRESS_EVERY), PROGRESS_EVERY);
}

/* All that can be wrong with the options is found here, before anything is fetched. */
int run_set_up(struct run *r)
{
    memory_install();
    uint32_t workers = r->workers = fit_workers(r->o);
    r->input_order =
        r->o->order == ORDER_INPUT || (r->o->order == ORDER_DEFAULT && r->o->format == FORMAT_BODY);
    /* An ordered result may have to hold its worker; and what waits in a worker's pipe starts when it may. */
    r->only_idle = r->input_order || r->o->rate > 0 || r->o->per_host_delay > 0;
    if (open_input(r) < 0 || open_schedule(r, workers) < 0 || load_journal(r) < 0 || open_outputs(r) < 0)
        return -1;
    if (r->o->dry_run)
        return start_outputs(r);
    if (setup_fetch(r, workers) < 0 || setup_confine(r) < 0 || open_executor(r, workers) < 0 ||
        start_outputs(r) < 0)
        return -1;
    open_progress(r);
    return 0;
}
