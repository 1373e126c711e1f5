#include "compare.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "compare_measure.h"
#include "compare_plot.h"

enum { ROWS_MAX = 3 * RUN_SWEEP_MAX };

/* A row of the table and what was measured for it, a round each. */
struct row {
    enum executor_mode mode;
    uint32_t workers;
    struct measurement *rounds;
    uint32_t count;
};

struct table {
    const struct run_options *o;
    char *const *argv;
    int list_fd; /* the targets; -1: operands */
    FILE *out;
    struct row rows[ROWS_MAX];
    size_t count;
};

/* ---- The list, to be read once for each run ---- */

/* An unlinked file: nothing is left behind however we end. */
static int scratch_file(void)
{
    const char *dir = getenv("TMPDIR");
    int fd = open(dir && *dir ? dir : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        return fd;
    FILE *f = tmpfile();
    if (!f)
        return -1;
    fd = fcntl(fileno(f), F_DUPFD_CLOEXEC, 3);
    fclose(f);
    return fd;
}

static int copy_all(int from, int to)
{
    char block[65536];
    ssize_t n;
    while ((n = read(from, block, sizeof block)) > 0)
        for (ssize_t at = 0, w; at < n; at += w)
            if ((w = write(to, block + at, (size_t)(n - at))) < 0)
                return -1;
    return n < 0 ? -1 : 0;
}

static int open_list(const struct run_options *o)
{
    struct stat st;
    if (o->input_path && strcmp(o->input_path, "-") != 0)
        return open(o->input_path, O_RDONLY | O_CLOEXEC);
    if (fstat(STDIN_FILENO, &st) == 0 && S_ISREG(st.st_mode) && lseek(STDIN_FILENO, 0, SEEK_CUR) == 0)
        return fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    int fd = scratch_file();
    if (fd >= 0 && copy_all(STDIN_FILENO, fd) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static const char *mode_name(enum executor_mode mode)
{
    return mode == EXECUTOR_SERIAL ? "serial" : mode == EXECUTOR_THREAD ? "thread" : "process";
}

/* ---- The rows ---- */

static void add_row(struct table *t, enum executor_mode mode, uint32_t workers)
{
    if (t->count < ROWS_MAX)
        t->rows[t->count++] = (struct row){.mode = mode, .workers = workers};
}

static bool is_wanted(const struct run_options *o, enum executor_mode mode)
{
    for (uint32_t i = 0; i < o->mode_count; i++)
        if (o->modes[i] == mode)
            return true;
    return o->mode_count == 0;
}

static void make_rows(struct table *t)
{
    const struct run_options *o = t->o;
    if (is_wanted(o, EXECUTOR_SERIAL))
        add_row(t, EXECUTOR_SERIAL, 1);
    for (int m = 0; m < 2; m++) {
        enum executor_mode mode = m == 0 ? EXECUTOR_THREAD : EXECUTOR_PROCESS;
        for (uint32_t i = 0; is_wanted(o, mode) && i < o->sweep_count; i++)
            add_row(t, mode, o->sweep[i]);
        if (is_wanted(o, mode) && o->sweep_count == 0)
            add_row(t, mode, o->workers);
    }
}

static int run_row(struct table *t, struct row *row)
{
    const struct measured what = {
        .options = t->o, .argv = t->argv, .mode = row->mode, .workers = row->workers, .list_fd = t->list_fd};
    struct measurement m;
    if (t->list_fd >= 0 && lseek(t->list_fd, 0, SEEK_SET) < 0)
        return -1;
    if (measured_progress(t->o) == PROGRESS_ON)
        fprintf(stderr, "pfetch: round %u: %s, %u worker%s\n", row->count + 1, mode_name(row->mode),
                row->workers, row->workers == 1 ? "" : "s");
    if (measure(&what, &m) < 0)
        return -1;
    if (m.status < 0 || m.status == EXIT_USAGE || m.status > EXIT_OUTPUT) {
        fprintf(stderr, "pfetch: the run with %s, %u workers, did not come to its end (status %d)\n",
                mode_name(row->mode), row->workers, m.status);
        errno = 0;
        return -1;
    }
    row->rounds[row->count++] = m;
    return 0;
}

/* The rows take turns, so that what changes with time touches all alike. */
static int run_all(struct table *t)
{
    uint32_t rounds = t->o->compare_rounds ? t->o->compare_rounds : 1;
    for (size_t i = 0; i < t->count; i++) {
        t->rows[i].rounds = calloc(rounds, sizeof *t->rows[i].rounds);
        if (!t->rows[i].rounds)
            return -1;
    }
    for (uint32_t round = 0; round < rounds; round++)
        for (size_t i = 0; i < t->count; i++)
            if (run_row(t, &t->rows[i]) < 0)
                return -1;
    return 0;
}

/* ---- Medians ---- */

enum figure { USER, SYS, REAL, PSS, RSS, OK, FAILED, BYTES, FIGURES };

static double figure_of(const struct measurement *m, enum figure f)
{
    switch (f) {
    case USER:
        return m->user;
    case SYS:
        return m->sys;
    case REAL:
        return m->real;
    case PSS:
        return (double)m->pss;
    case RSS:
        return (double)m->rss;
    case OK:
        return (double)m->summary.by_kind[ERROR_NONE];
    case FAILED:
        return (double)summary_failed(&m->summary);
    case BYTES:
        return (double)m->summary.bytes;
    case FIGURES:
        break;
    }
    return 0;
}

struct spread {
    double min, median, max;
};

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct spread spread_of(const struct row *row, enum figure f)
{
    struct spread s = {0};
    double *v = calloc(row->count, sizeof *v);
    if (!v)
        return s;
    for (uint32_t i = 0; i < row->count; i++)
        v[i] = figure_of(&row->rounds[i], f);
    qsort(v, row->count, sizeof *v, by_value);
    s.min = v[0];
    s.max = v[row->count - 1];
    s.median = row->count % 2 ? v[row->count / 2] : (v[row->count / 2 - 1] + v[row->count / 2]) / 2;
    free(v);
    return s;
}

/* Over serial; 0 where serial was not run. */
static double speedup(const struct table *t, const struct row *row)
{
    double real = spread_of(row, REAL).median;
    return t->rows[0].mode == EXECUTOR_SERIAL && real > 0 ? spread_of(&t->rows[0], REAL).median / real : 0;
}

/* ---- Printing ---- */

static void print_text(const struct table *t, FILE *out)
{
    bool spreads = t->rows[0].count > 1;
    fprintf(out, "%-8s %7s %9s %7s %9s %9s %9s %8s %9s %9s%s\n", "mode", "workers", "ok", "failed", "user s",
            "sys s", "real s", "speed-up", "PSS MB", "RSS MB", spreads ? "  real min–max s" : "");
    for (size_t i = 0; i < t->count; i++) {
        const struct row *row = &t->rows[i];
        char times[16] = "-";
        if (speedup(t, row) > 0)
            snprintf(times, sizeof times, "%.2f", speedup(t, row));
        fprintf(out, "%-8s %7u %9.0f %7.0f %9.3f %9.3f %9.3f %8s %9.1f %9.1f", mode_name(row->mode),
                row->workers, spread_of(row, OK).median, spread_of(row, FAILED).median,
                spread_of(row, USER).median, spread_of(row, SYS).median, spread_of(row, REAL).median, times,
                spread_of(row, PSS).median / 1e6, spread_of(row, RSS).median / 1e6);
        if (spreads)
            fprintf(out, "  %.3f–%.3f", spread_of(row, REAL).min, spread_of(row, REAL).max);
        fputc('\n', out);
    }
    fprintf(out,
            "Times are of all processes together; memory is the highest sum over all processes that a sample "
            "saw:\n"
            "PSS counts what they share once, RSS in each of them.%s\n",
            spreads ? " Figures are medians of the rounds." : "");
}

static void print_spread(FILE *out, const char *name, struct spread s, int decimals)
{
    fprintf(out, "%s[%.*f,%.*f]", name, decimals, s.min, decimals, s.max);
}

static void print_json(const struct table *t, FILE *out)
{
    for (size_t i = 0; i < t->count; i++) {
        const struct row *row = &t->rows[i];
        fprintf(out,
                "{\"mode\":\"%s\",\"workers\":%u,\"rounds\":%u,\"ok\":%.0f,\"failed\":%.0f,\"user\":%.6f,"
                "\"sys\":%.6f,\"real\":%.6f,",
                mode_name(row->mode), row->workers, row->count, spread_of(row, OK).median,
                spread_of(row, FAILED).median, spread_of(row, USER).median, spread_of(row, SYS).median,
                spread_of(row, REAL).median);
        if (speedup(t, row) > 0)
            fprintf(out, "\"speedup\":%.4f,", speedup(t, row));
        else
            fputs("\"speedup\":null,", out);
        fprintf(out, "\"pss\":%.0f,\"rss\":%.0f,\"spread\":{", spread_of(row, PSS).median,
                spread_of(row, RSS).median);
        print_spread(out, "\"user\":", spread_of(row, USER), 6);
        print_spread(out, ",\"sys\":", spread_of(row, SYS), 6);
        print_spread(out, ",\"real\":", spread_of(row, REAL), 6);
        print_spread(out, ",\"pss\":", spread_of(row, PSS), 0);
        print_spread(out, ",\"rss\":", spread_of(row, RSS), 0);
        fputs("}}\n", out);
    }
}

/* Runs that fetched different things can't be compared: said plainly. */
static void flag_differences(const struct table *t)
{
    const struct measurement *first = &t->rows[0].rounds[0];
    for (size_t i = 0; i < t->count; i++)
        for (uint32_t k = 0; k < t->rows[i].count; k++) {
            const struct measurement *m = &t->rows[i].rounds[k];
            if (figure_of(m, OK) == figure_of(first, OK) && figure_of(m, BYTES) == figure_of(first, BYTES))
                continue;
            fprintf(stderr,
                    "pfetch: the runs did not fetch the same: %s (%u), round %u: %.0f ok, %.0f bytes; the "
                    "first: %.0f ok, %.0f bytes\n",
                    mode_name(t->rows[i].mode), t->rows[i].workers, k + 1, figure_of(m, OK),
                    figure_of(m, BYTES), figure_of(first, OK), figure_of(first, BYTES));
        }
}

static int print(const struct table *t)
{
    const char *path = t->o->output_path;
    if (t->o->format == FORMAT_JSON)
        print_json(t, t->out);
    else
        print_text(t, t->out);
    if (fflush(t->out) == 0 && !ferror(t->out))
        return EXIT_OK;
    fprintf(stderr, "pfetch: %s: %s\n", path ? path : "standard output", strerror(errno));
    return EXIT_OUTPUT;
}

static int draw(const struct table *t)
{
    struct plot_point points[ROWS_MAX];
    for (size_t i = 0; i < t->count; i++)
        points[i] = (struct plot_point){.mode = mode_name(t->rows[i].mode),
                                        .workers = t->rows[i].workers,
                                        .real = spread_of(&t->rows[i], REAL).median,
                                        .pss = spread_of(&t->rows[i], PSS).median};
    return plot_draw(t->o->plot_path, points, t->count);
}

static int conclude(const struct table *t)
{
    int status = print(t);
    flag_differences(t);
    if (status == EXIT_OK && t->o->plot_path && draw(t) < 0)
        status = EXIT_OUTPUT;
    for (size_t i = 0; status == EXIT_OK && i < t->count; i++)
        if (spread_of(&t->rows[i], FAILED).max > 0 && !t->o->exit_zero)
            status = EXIT_SOME_FAILED;
    return status;
}

/* What can be wrong is found before hours of measuring. 0, or the exit status. */
static int open_all(struct table *t)
{
    const struct run_options *o = t->o;
    const char *output = o->output_path && strcmp(o->output_path, "-") != 0 ? o->output_path : NULL;
    if (o->plot_path && !plot_possible()) {
        fputs("pfetch: --plot needs gnuplot, which is not in PATH; on Debian: apt-get install gnuplot-nox\n",
              stderr);
        return EXIT_USAGE;
    }
    if (o->operand_count == 0 && (t->list_fd = open_list(o)) < 0) {
        fprintf(stderr, "pfetch: %s: %s\n", o->input_path ? o->input_path : "standard input",
                strerror(errno));
        return EXIT_USAGE;
    }
    if (o->plot_path && !plot_writable(o->plot_path)) {
        fprintf(stderr, "pfetch: %s: %s\n", o->plot_path, strerror(errno));
        return EXIT_OUTPUT;
    }
    t->out = output ? fopen(output, "we") : stdout;
    if (!t->out) {
        fprintf(stderr, "pfetch: %s: %s\n", output, strerror(errno));
        return EXIT_OUTPUT;
    }
    return 0;
}

static void close_all(struct table *t)
{
    for (size_t i = 0; i < t->count; i++)
        free(t->rows[i].rounds);
    if (t->list_fd >= 0)
        close(t->list_fd);
    if (t->out && t->out != stdout)
        fclose(t->out);
}

int compare(const struct run_options *options, char *const *argv)
{
    struct table t = {.o = options, .argv = argv, .list_fd = -1};
    signal(SIGINT, SIG_DFL); /* as a run does: a shell's background ignores it */
    int status = open_all(&t);
    if (status == 0) {
        make_rows(&t);
        errno = 0;
        if (run_all(&t) == 0)
            status = conclude(&t);
        else
            status = EXIT_USAGE;
        if (status == EXIT_USAGE && errno)
            fprintf(stderr, "pfetch: --compare: %s\n", strerror(errno));
    }
    close_all(&t);
    return status;
}
