#include "compare_plot.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

bool plot_possible(void)
{
    const char *path = getenv("PATH");
    char *dirs = strdup(path ? path : "/usr/local/bin:/usr/bin:/bin"), *rest = dirs, *dir;
    bool found = false;
    while (!found && dirs && (dir = strsep(&rest, ":"))) {
        char name[4096];
        found = snprintf(name, sizeof name, "%s/gnuplot", *dir ? dir : ".") < (int)sizeof name &&
                access(name, X_OK) == 0;
    }
    free(dirs);
    return found;
}

bool plot_writable(const char *path)
{
    char *copy = strdup(path);
    if (!copy)
        return false;
    char *slash = strrchr(copy, '/');
    if (slash)
        slash[slash == copy] = 0;
    bool there = access(path, F_OK) == 0;
    bool writable = access(there ? path : slash ? copy : ".", W_OK) == 0;
    free(copy);
    return writable;
}

static void put_data(FILE *f, const struct plot_point *points, size_t count)
{
    fputs("$data << END\n", f);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && strcmp(points[i].mode, points[i - 1].mode) != 0)
            fputs("\n\n", f);
        fprintf(f, "%u %.6f %.3f\n", points[i].workers, points[i].real, points[i].pss / 1e6);
    }
    fputs("END\n", f);
}

static bool is_first(const struct plot_point *points, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (points[i].workers == points[at].workers)
            return false;
    return true;
}

/* Room beside the first and the last number, and no numbers but those that were tried. */
static void put_axis(FILE *f, const struct plot_point *points, size_t count)
{
    uint32_t least = UINT32_MAX, most = 1;
    const char *comma = "";
    fputs("set logscale x 2\nset xlabel 'workers'\nset xtics nomirror (", f);
    for (size_t i = 0; i < count; i++) {
        uint32_t n = points[i].workers;
        least = n < least ? n : least;
        most = n > most ? n : most;
        if (!is_first(points, i))
            continue;
        fprintf(f, "%s%u", comma, n);
        comma = ", ";
    }
    fprintf(f, ")\nset xrange [%.3f:%.3f]\n", least / 1.25, most * 1.25);
}

/* Modes may lie on each other: a mark, a size and dashes of its own for each. */
static void put_panel(FILE *f, const struct plot_point *points, size_t count, const char *title, int column)
{
    static const char *const looks[] = {"pointtype 5 pointsize 1.1 linecolor 'black'",
                                        "pointtype 7 pointsize 1.1 linecolor '#0072b2'",
                                        "pointtype 9 pointsize 1.2 dashtype 2 linecolor '#d55e00'"};
    static const char *const modes[] = {"serial", "thread", "process"};
    fprintf(f, "set ylabel '%s'\nplot ", title);
    for (size_t i = 0, block = 0; i < count; i++) {
        size_t look = 0;
        if (i > 0 && strcmp(points[i].mode, points[i - 1].mode) == 0)
            continue;
        while (look < sizeof modes / sizeof *modes - 1 && strcmp(points[i].mode, modes[look]) != 0)
            look++;
        fprintf(f, "%s$data index %zu using 1:%d with linespoints linewidth 2 %s title '%s'",
                block ? ", " : "", block, column, looks[look], points[i].mode);
        block++;
    }
    fputc('\n', f);
}

static void put_script(FILE *f, const struct plot_point *points, size_t count)
{
    put_data(f, points, count);
    fputs("set terminal svg size 900,420 font 'sans,12' background 'white'\n"
          "set multiplot layout 1,2\nset border 3\nset ytics nomirror\nset yrange [0:*]\nset grid\n"
          "set key outside center top horizontal\n",
          f);
    put_axis(f, points, count);
    put_panel(f, points, count, "real time, seconds", 2);
    put_panel(f, points, count, "peak memory, MB of PSS", 3);
    fputs("unset multiplot\n", f);
}

/* gnuplot with `script` as its input and `path` as its output. */
static int run_gnuplot(FILE *script, const char *path)
{
    char *argv[] = {(char[]){"gnuplot"}, (char[]){"-"}, NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int status = -1;
    rewind(script);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fileno(script), STDIN_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    errno = posix_spawnp(&pid, "gnuplot", &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (errno != 0)
        return -1;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    errno = 0;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

int plot_draw(const char *path, const struct plot_point *points, size_t count)
{
    FILE *script = tmpfile();
    int r = -1;
    if (script) {
        put_script(script, points, count);
        if (fflush(script) == 0)
            r = run_gnuplot(script, path);
        fclose(script);
    }
    if (r < 0)
        fprintf(stderr, "pfetch: %s: %s\n", path, errno ? strerror(errno) : "gnuplot could not draw it");
    return r;
}
