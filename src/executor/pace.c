#include "config.h"

#include "executor/pace.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/processors.h"
#include "executor/pool.h"

static const double LITTLE = 0.25; /* of a processor */

enum {
    FEW = 4,         /* workers, or two for each processor, that are started in any case */
    SAMPLE = 64,     /* workers that are looked at … */
    READ_MOST = 128, /* … of at most so many, for the first look at one tells nothing … */
    GLANCES = 8,     /* … and those whose state is */
    LATEST = 128,    /* of these looks so many count, about */
    FIRST_STEP = 8,  /* workers for each processor, that are started at most by what these tell */
    COST_SHARE = 64, /* looking takes at most that part of the time … */
    FIRST_SHARE = 4, /* … or so many times as much, where few are past their first task */
    TEXT = 96        /* three numbers */
};

static const int64_t GAP = 10 * NS_PER_MS;       /* between two looks, at least … */
static const int64_t GAP_MOST = 100 * NS_PER_MS; /* … and at most while the answer stays no */
static const int64_t LATE = 10 * NS_PER_MS;      /* a task behind another may wait that long */
static const int64_t START =
    5 * NS_PER_MS; /* a worker's, and its first task, where host and machine are quick */
static const int64_t PATIENCE_MOST = 4 * NS_PER_SECOND; /* as long as all compute */
static const int64_t FIRST_GAP = NS_PER_MS;             /* between two looks while most are not past that */

static const int64_t UPTIME_STEP = 10 * NS_PER_MS; /* what /proc/uptime counts in */

/* What a worker's figures are of: with less, the turns that the kernel gives out show, and not what the
 * worker wants. */
static const int64_t SPAN = 100 * NS_PER_MS, SPAN_LEAST = 30 * NS_PER_MS;

/* What the processors' idle time is of: with less, a stumble of the machine's makes the pool grow, for good.
 */
static const int64_t IDLE_SPAN = 400 * NS_PER_MS, IDLE_LEAST = 100 * NS_PER_MS;
static const int64_t LATELY = 800 * NS_PER_MS; /* nobody looked for longer than that: the pool had no work */

/* Workers want more than the processors when they want a quarter more than there are: with less, some
 * processor is idle now and then. With others at work none may be idle before, and then another worker takes
 * away from them and from its like. Workers must have got a third of the processors, too: when others'
 * processes keep these busy, waiting says little of what another worker would get. */
bool pace_is_full(unsigned cpus, double ran, double waited, double idle)
{
    double most = 10 * idle <= cpus ? 0.75 : 1.25;
    return ran + waited >= most * cpus && 3 * ran >= cpus;
}

unsigned pace_growth(unsigned cpus, unsigned living, double wanted)
{
    double more = wanted > 0 ? (cpus - wanted) / wanted * living : living;
    unsigned least = living / 4 > cpus ? living / 4 : cpus;
    unsigned most = living > least ? living : least;
    return more >= most ? most : more > least ? (unsigned)more : least;
}

static unsigned first_step(unsigned cpus, unsigned more)
{
    return more < FIRST_STEP * cpus ? more : FIRST_STEP * cpus;
}

unsigned pace_first_growth(unsigned cpus, unsigned living, double wanted)
{
    return wanted < cpus ? first_step(cpus, pace_growth(cpus, living, wanted)) : 0;
}

bool pace_wants_processor(const char *stat)
{
    const char *state = strrchr(stat, ')'); /* the name before it may be anything */
    return state && strncmp(state, ") R", 3) == 0;
}

int64_t pace_gap(int64_t gap, int64_t cost)
{
    int64_t least = cost < GAP_MOST / COST_SHARE ? cost * COST_SHARE : GAP_MOST;
    return gap > least ? gap : least;
}

/* For how long this thread has run (ns). */
static int64_t computed(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (int64_t)ts.tv_sec * NS_PER_SECOND + ts.tv_nsec;
}

/* Reads the beginning of a file of /proc's; false with errno. */
static bool read_text(const char *path, char text[static TEXT])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    errno = ENODATA; /* where it is empty */
    ssize_t n = read(fd, text, TEXT - 1);
    int why = errno;
    (void)close(fd);
    errno = why;
    if (n <= 0)
        return false;
    text[n] = 0;
    return true;
}

/* Why the last read failed says that there is nothing to be read, and not that this process lacks something
 * at the moment. */
static bool is_withheld(void)
{
    return errno != EMFILE && errno != ENFILE && errno != ENOMEM;
}

/* /proc is that of this process's own PID namespace: another one's numbers are strangers'. */
static bool proc_is_own(void)
{
    char text[TEXT];
    ssize_t n = readlink("/proc/self", text, TEXT - 1);
    if (n <= 0)
        return false;
    text[n] = 0;
    return strtol(text, NULL, 10) == (long)getpid();
}

/* Reads the beginning of /proc/ID/NAME, where ID is a process or a thread. */
static bool read_of(pid_t id, const char *name, char text[static TEXT])
{
    char path[sizeof "/proc/-2147483648/schedstat"];
    (void)snprintf(path, sizeof path, "/proc/%d/%s", (int)id, name);
    return read_text(path, text);
}

/* Reads `run wait slices` of a task; false where that isn't known. */
static bool schedstat(pid_t id, int64_t *ret_ran, int64_t *ret_waited)
{
    char text[TEXT];
    return read_of(id, "schedstat", text) && sscanf(text, "%" SCNd64 " %" SCNd64, ret_ran, ret_waited) == 2;
}

/* Reads for how long (ns) the machine's processors have been idle, all together, from `up idle`, in seconds
 * with two decimals. */
static bool idle_time(int64_t *ret)
{
    char text[TEXT];
    int64_t s, hundredths;
    if (!read_text("/proc/uptime", text) ||
        sscanf(text, "%*d.%*d %" SCNd64 ".%2" SCNd64, &s, &hundredths) != 2 || s < 0 ||
        s >= INT64_MAX / NS_PER_SECOND || hundredths < 0)
        return false;
    *ret = s * NS_PER_SECOND + hundredths * UPTIME_STEP;
    return true;
}

void pace_init(struct executor *x)
{
    struct pace *p = &x->pace;
    int64_t ran, waited;
    unsigned most = x->options.max_workers;
    unsigned cpus = most > FEW ? processors_granted() : processors_usable(); /* to look costs some files */
    p->cpus = cpus < EXECUTOR_MAX_WORKERS ? cpus : EXECUTOR_MAX_WORKERS;
    p->few = p->size = 2 * p->cpus > FEW ? 2 * p->cpus : FEW;
    p->gap = GAP;
    p->patience = SPAN_LEAST;
    p->on = x->mode->task_id && most > p->few && proc_is_own() && schedstat(getpid(), &ran, &waited);
}

/* Workers that are not about to go. */
static unsigned staying(const struct executor *x)
{
    return x->living - x->leaving;
}

size_t pace_room(const struct executor *x)
{
    const struct pace *p = &x->pace;
    if (!p->on)
        return SIZE_MAX;
    return staying(x) < p->size ? p->size - staying(x) : 0;
}

void pace_started(struct executor *x, struct worker *w)
{
    struct pace *p = &x->pace;
    struct pace_mark none = {0};
    w->pace = none;
    if (!p->on)
        return;
    if (p->next == 0) {
        p->grew = deadline_now();
        p->next = p->grew + START;
    }
}

void pace_ended(struct executor *x, struct worker *w)
{
    struct pace_mark none = {.settled = true};
    if (w->pace.settled || w->state != WORKER_READY)
        return;
    w->pace = none;
    x->pace.settled++;
}

void pace_gone(struct executor *x, struct worker *w)
{
    x->pace.settled -= w->pace.settled;
    w->pace.settled = false;
}

void pace_shrunk(struct executor *x)
{
    struct pace *p = &x->pace;
    p->size = staying(x) > p->few ? staying(x) : p->few;
}

struct estimate {
    unsigned read, missed; /* workers that the kernel told something of, and not */
    unsigned seen;         /* and of how many the figures are */
    unsigned idle;         /* of these, that wanted little */
    unsigned light;        /* … and that got little, for all that they wanted … */
    double light_ran;      /* … which was that */
    double ran, waited;    /* for all workers, as light_ran; 0 without any seen */
};

/* Adds what the worker wanted since it was marked, as parts of a processor. */
static void look_at(const struct executor *x, struct worker *w, int64_t now, struct estimate *e)
{
    struct pace_mark was = w->pace, m = {.settled = was.settled, .at = now};
    pid_t id = x->mode->task_id(w);
    bool marked = was.at != 0 && was.at >= x->pace.resumed;
    if (id <= 0 || (marked && now - was.at < SPAN_LEAST))
        return;
    bool told = schedstat(id, &m.ran, &m.waited);
    if (!told) {
        e->missed += is_withheld();
        return;
    }
    e->read++;
    if (!marked || now - was.at >= SPAN)
        w->pace = m;
    if (!marked)
        return;
    double span = (double)(now - was.at), ran = (double)(m.ran - was.ran) / span;
    double waited = (double)(m.waited - was.waited) / span;
    e->seen++;
    e->ran += ran;
    e->waited += waited;
    e->idle += ran + waited < LITTLE;
    if (ran < LITTLE) {
        e->light++;
        e->light_ran += ran;
    }
}

/* One that has just ended has nothing to tell, and no more; a user may not see what gave up being looked into
 * (hidepid), and that is so for all. */
static void see_whether_told(struct executor *x, unsigned read, unsigned missed)
{
    if (read == 0 && missed > 1)
        x->pace.on = false;
}

/* What all workers want, from a sample of those that are past their start. */
static struct estimate estimate(struct executor *x, int64_t now)
{
    struct estimate e = {0};
    unsigned n = x->options.max_workers, s = x->pace.turn;
    for (unsigned i = 0; i < n && e.seen < SAMPLE && e.read < READ_MOST; i++, s = (s + 1) % n) {
        struct worker *w = &x->workers[s];
        if (w->state == WORKER_READY && w->pace.settled && !w->exited)
            look_at(x, w, now, &e);
    }
    x->pace.turn = s;
    see_whether_told(x, e.read, e.missed);
    double all = e.seen ? (double)staying(x) / e.seen : 0;
    e.ran *= all;
    e.waited *= all;
    e.light_ran *= all;
    return e;
}

/* Of a few workers that have a task, how many want a processor right now. */
struct glance {
    unsigned seen, want;
};

/* They are spread over all, since those that were started together lie together. */
static struct glance glance(struct executor *x)
{
    struct glance g = {0};
    unsigned n = x->options.max_workers, s = x->pace.turn, missed = 0;
    unsigned step = staying(x) < GLANCES ? 1 : staying(x) / GLANCES, passed = 0;
    for (unsigned i = 0; i < n && g.seen < GLANCES; i++, s = (s + 1) % n) {
        struct worker *w = &x->workers[s];
        char text[TEXT];
        pid_t id = w->current && !w->exited ? x->mode->task_id(w) : 0;
        if (id <= 0 || passed++ % step != 0)
            continue;
        if (!read_of(id, "stat", text)) {
            missed += is_withheld();
            continue;
        }
        g.seen++;
        g.want += pace_wants_processor(text);
    }
    x->pace.turn = s;
    see_whether_told(x, g.seen, missed);
    return g;
}

/* At least how many processors were idle lately, and since the pool last grew; 0 as long as there is too
 * little to tell from. More than there can be, where that can't be known. */
static double idle_processors(struct executor *x, int64_t now)
{
    struct pace *p = &x->pace;
    int64_t idle, was = p->idle, since = now - p->idle_at;
    bool marked = p->idle_at != 0 && since <= LATELY;
    if (!idle_time(&idle))
        return EXECUTOR_MAX_WORKERS;
    if (!marked || since >= IDLE_SPAN) {
        p->idle_at = now;
        p->idle = idle;
    }
    if (!marked || since < IDLE_LEAST || idle - was <= UPTIME_STEP)
        return 0;
    return (double)(idle - was - UPTIME_STEP) / (double)since;
}

/* There are some more after a while, and the next ones after a longer one. */
static unsigned lose_patience(struct pace *p)
{
    p->patience = deadline_min(2 * p->patience, PATIENCE_MOST);
    return p->cpus;
}

/* How many workers to start while nothing else tells than what they do right now. That may be the work of a
 * few that keep all processors for themselves, while the others sleep: so after a while without any growth
 * there is a little. Where most wanted a processor all the while it is less, and less often each time. */
static unsigned wanted_first(struct executor *x, int64_t now)
{
    struct pace *p = &x->pace;
    struct glance g = glance(x);
    double wanted = g.seen ? (double)g.want * staying(x) / g.seen : p->cpus; /* all, if none has a task */
    unsigned more = pace_first_growth(p->cpus, staying(x), wanted);
    if (p->seen >= LATEST) { /* what they did long ago fades */
        p->seen /= 2;
        p->want /= 2;
    }
    p->seen += g.seen;
    p->want += g.want;
    bool most = p->seen == 0 || 2 * p->want > p->seen;
    if (!most)
        p->patience = SPAN_LEAST;
    if (more > 0 || now - p->told < p->patience)
        return more;
    if (most)
        return lose_patience(p);
    return first_step(p->cpus, pace_growth(p->cpus, staying(x), p->cpus));
}

/* How many where the figures say that there is no idle processor. A few may have all of them, while the
 * others wait for slow hosts: they get company until it takes a quarter of the processors. Where there are
 * more of the few than of the others it is less, and less often each time; and nothing where all compute. */
static unsigned wanted_full(struct executor *x, const struct estimate *e, int64_t now)
{
    struct pace *p = &x->pace;
    bool few = 2 * e->light >= e->seen && e->light_ran < LITTLE * p->cpus;
    if (few) {
        p->patience = SPAN_LEAST;
        return first_step(p->cpus, pace_growth(p->cpus, staying(x), p->cpus));
    }
    bool worth_it = e->idle > 0 || staying(x) <= 2 * p->few;
    int64_t patience = p->patience > SPAN ? p->patience : SPAN;
    return worth_it && now - p->grew >= patience ? lose_patience(p) : 0;
}

/* How many workers to start. Those that are past their start tell, if only they are not too few, and stay for
 * long enough. */
static unsigned wanted_more(struct executor *x, int64_t now, int64_t *ret_gap)
{
    struct pace *p = &x->pace;
    int64_t since = computed();
    struct estimate e = estimate(x, now);
    double idle = idle_processors(x, now);
    bool few = staying(x) > 2 * p->settled;
    bool figures = e.seen > 0 && !few;
    bool full = figures && pace_is_full(p->cpus, e.ran, e.waited, idle);
    bool first = few || (e.seen == 0 && now - p->told >= SPAN_LEAST + GAP);
    unsigned more = 0;
    if (first)
        more = wanted_first(x, now);
    else if (figures)
        more = full ? wanted_full(x, &e, now) : pace_growth(p->cpus, staying(x), e.ran + e.waited);
    if (figures && !full)
        p->patience = SPAN_LEAST;
    if (figures || more > 0) {
        p->told = now;
        p->seen = p->want = 0;
    }
    p->gap = full ? deadline_min(2 * p->gap, GAP_MOST) : GAP;
    int64_t cost = computed() - since;
    *ret_gap = first ? pace_gap(FIRST_GAP, cost / FIRST_SHARE) : pace_gap(p->gap, cost);
    return more;
}

/* Workers could be started and are not, while tasks may wait for them. */
static bool matters(const struct executor *x)
{
    return x->pace.on && x->free.count > 0 && x->idle.count == 0 && staying(x) >= x->pace.size;
}

bool pace_look(struct executor *x, int64_t now)
{
    struct pace *p = &x->pace;
    if (!matters(x) || now < p->next)
        return false;
    now = deadline_now();
    if (now - p->looked > LATELY) { /* what comes from then on counts */
        p->resumed = p->told = now;
        p->seen = p->want = 0;
    }
    p->looked = now;
    int64_t gap;
    unsigned more = wanted_more(x, now, &gap);
    if (!p->on)
        return true;
    p->next = deadline_now() + gap;
    if (more == 0)
        return false;
    p->size = more < x->options.max_workers - staying(x) ? staying(x) + more : x->options.max_workers;
    p->grew = now;
    p->idle_at = 0;
    return true;
}

int64_t pace_due(const struct executor *x)
{
    return matters(x) ? x->pace.next : DEADLINE_NEVER;
}

int64_t pace_late_at(const struct worker *w)
{
    return w->since + LATE;
}

int64_t pace_late_since(int64_t now)
{
    return now - LATE;
}
