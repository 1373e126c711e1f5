"""The rows of the bench: what is fetched in each, by whom, and what is to be reached (ratios of medians)."""
from dataclasses import dataclass, field

POOLS = ["pfetch", "pfetch-thread"]
OTHERS = ["curl", "go", "bare", "bare-thread"]
PYTHON = ["python", "python-thread"]
FILERS = ["wget2", "aria2c"]


@dataclass
class Goal:
    """client's metric <= factor x reference's (or x the case's ideal); the last is a stretch."""

    client: str
    metric: str
    factor: float
    reference: str
    stretch: bool = False


@dataclass
class Case:
    row: str
    key: str
    title: str
    count: int
    hosts: int  # 0: as many as targets
    workers: int
    clients: list
    quick: int = 0  # count under --quick; 0: left out there
    kind: str = "fetch"  # fetch, held, memory, single, growth
    path: str = "/page"
    trust: str = "small"
    server: str = "nginx"
    delay: int = 0  # ms
    files: bool = False
    by_line: bool = False
    form: str = "text"
    shared: bool = False  # one certificate for all hosts, as at a provider; else each has its own
    goals: list = field(default_factory=list)
    shown: tuple = ("wall", "cpu_ms")
    most_rounds: int = 0  # 0: as many as are asked for
    times_rounds: int = 1  # for runs of some ms, that many times the rounds
    slow: tuple = ()     # clients that get a list slow_by times shorter
    slow_by: int = 5

    def ideal(self):
        """Seconds that the answers' delay alone takes."""
        return self.count * self.delay / 1000 / self.workers if self.delay else None

    def rounds_of(self, asked):
        rounds = asked * self.times_rounds
        return min(rounds, self.most_rounds) if self.most_rounds else rounds


def cold(workers, shared=False):
    goals = [Goal("pfetch", "cpu_ms", 0.55, "curl"), Goal("pfetch", "cpu_ms", 0.95, "bare"),
             Goal("pfetch", "wall", 1.0, "go"),
             Goal("pfetch-thread", "wall", 1.1 if workers == 32 else 1.0, "go"),
             Goal("pfetch", "cpu_ms", 0.8, "bare", True), Goal("pfetch", "cpu_ms", 0.85, "go", True)]
    if shared:
        return Case("cold", f"cold-shared-{workers}", f"2,000 distinct hosts with one certificate, W={workers}", 2000, 0,
                    workers, POOLS + OTHERS[:3], goals=goals, shared=True)
    return Case("cold", f"cold-{workers}", f"2,000 distinct hosts, W={workers}", 2000, 0, workers,
                POOLS + OTHERS + PYTHON, quick=500, goals=goals, slow=tuple(PYTHON))


def cold_system():
    # curl and Python read the whole bundle again for each connection: they get fewer hosts.
    goals = [Goal("pfetch", "cpu_ms", 0.06, "curl"), Goal("pfetch", "cpu_ms", 1.0, "go"),
             Goal("pfetch", "cpu_ms", 0.85, "go", True)]
    yield Case("cold-system", "cold-system-directory", "2,000 distinct hosts, W=8, the system's store (hashed directory)",
               2000, 0, 8, POOLS + ["go", "bare"], quick=300, trust="directory",
               goals=[Goal("pfetch", "cpu_ms", 1.0, "go"), Goal("pfetch", "cpu_ms", 0.85, "go", True)])
    yield Case("cold-system", "cold-system-bundle", "2,000 distinct hosts, W=8, the system's store (bundle)",
               2000, 0, 8, POOLS + ["curl", "go", "bare"] + PYTHON, quick=300, trust="bundle", goals=goals,
               slow=("curl", *PYTHON), slow_by=10)


def article(workers):
    goals = [Goal("pfetch", "wall", 0.8, "curl"), Goal("pfetch-thread", "wall", 0.8, "curl"),
             Goal("pfetch-thread", "wall", 1.05, "go"), Goal("pfetch-affinity", "wall", 1.05, "go"),
             Goal("pfetch", "wall", 1.05, "go", True)]
    return Case("article", f"article-{workers}", f"5 hosts × 200, W={workers}", 1000, 5, workers,
                ["pfetch", "pfetch-affinity", "pfetch-thread"] + OTHERS + PYTHON + FILERS, quick=1000, goals=goals,
                slow=tuple(PYTHON))


def late(workers):
    goals = {32: [Goal("pfetch", "wall", 1.08, "ideal")],
             128: [Goal("pfetch", "wall", 0.75, "curl"), Goal("pfetch", "wall", 0.9, "bare"),
                   Goal("pfetch-thread", "wall", 1.2, "go"), Goal("pfetch", "wall", 1.0, "go", True)],
             512: [Goal("pfetch-thread", "wall", 1.2, "go")]}[workers]
    return Case("late", f"late-{workers}", f"1,000 hosts that answer after 100 ms, W={workers}", 1000, 0, workers,
                POOLS + (OTHERS if workers <= 300 else OTHERS[1:]) + (["python"] if workers == 32 else []),
                quick=1000, server="late", delay=100, goals=goals)


def bulk(files):
    if files:
        goals = [Goal("pfetch", "wall", 1.1, "go"), Goal("pfetch", "wall", 0.6, "curl")]
    else:
        goals = [Goal("pfetch", "wall", 1.05, "go"), Goal("pfetch", "cpu_ms", 1.0, "go"),
                 Goal("pfetch", "cpu_ms", 0.8, "go", True)]
    return Case("bulk", "bulk-files" if files else "bulk", "10 × 100 MB, W=4, " + ("into files" if files else "dropped"),
                10, 10, 4, POOLS + OTHERS + (FILERS if files else ["python"]), quick=4, path="/bulk", files=files,
                goals=goals, shown=("wall", "mb_s", "cpu_s_gb"))


def single(trust, title, goals):
    return Case("single", f"single-{trust}", f"one fetch, start to end, {title}", 1, 1, 1,
                ["pfetch", "curl", "go", "bare", "python"], quick=1, kind="single", trust=trust, goals=goals,
                shown=("wall_ms", "cpu_ms"))


def memory():
    goals = [Goal("pfetch", "pss_kb", 1.0, "bare"), Goal("pfetch-thread", "pss_kb", 1.0, "bare-thread")]
    yield Case("memory", "memory-1024", "1,024 workers that wait: PSS a worker", 1024, 0, 1024,
               POOLS + OTHERS[1:], quick=256, kind="memory", server="late", goals=goals,
               shown=("pss_kb", "held", "cpu_ms"))
    yield Case("memory", "memory-256", "256 workers that wait: PSS a worker", 256, 0, 256,
               POOLS + OTHERS, kind="memory", server="late", goals=goals, shown=("pss_kb", "held", "cpu_ms"))


def growth():
    for form in ("none", "json"):
        for count, quick in ((8, 8), (1000, 1000), (100_000, 20_000), (1_000_000, 0)):
            yield Case("growth", f"growth-{form}-{count}", f"{count:,} lines, keep-alive, W=8, -f {form}", count, 1, 8,
                       ["pfetch"], quick=quick, kind="growth", path="/tiny", form=form,
                       shown=("wall", "cpu_us", "parent_kb"), most_rounds=3 if count >= 1_000_000 else 0,
                       times_rounds=7 if count <= 1000 else 1)


def all_cases():
    many = Case("many", "many-4096", "4,096 workers: seconds until all fetches are in flight", 4096, 0, 4096,
                ["pfetch", "bare", "go"], quick=1024, kind="held", server="late",
                goals=[Goal("pfetch", "held", 1.0, "bare"), Goal("pfetch", "held", 0.6, "bare", True)],
                shown=("held", "wall", "cpu_ms"))
    keepalive = Case("keepalive", "keepalive", "100,000 fetches over keep-alive, W=8", 100_000, 1, 8,
                     POOLS + OTHERS, quick=20_000, by_line=True, shown=("wall", "fetches_s", "cpu_us"),
                     goals=[Goal("pfetch", "wall", 1 / 2, "curl"), Goal("pfetch", "wall", 1 / 1.2, "go"),
                            Goal("pfetch", "cpu_ms", 1.0, "curl"), Goal("pfetch", "wall", 1.0, "bare", True)])
    return [cold(8), cold(32), cold(8, True), cold(32, True), *cold_system(), article(4), article(8), late(32), late(128), late(512), many,
            bulk(False), bulk(True), keepalive,
            single("small", "small store", [Goal("pfetch", "wall", 0.8, "curl")]),
            single("directory", "the system's store as a hashed directory", [Goal("pfetch", "wall", 0.85, "go")]),
            single("bundle", "the system's store in one file",
                   [Goal("pfetch", "wall", 0.6, "curl"), Goal("pfetch", "wall", 1.2, "go", True)]),
            *memory(), *growth()]


ROWS = list(dict.fromkeys(case.row for case in all_cases()))
