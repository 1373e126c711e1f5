"""Running a client and seeing what it cost: wall time, CPU of its whole process tree, memory while it waits."""
import ctypes
import os
import signal
import subprocess
import time

PR_SET_CHILD_SUBREAPER = 36
TICK = os.sysconf("SC_CLK_TCK")
REST, REST_LIMIT = 0.05, 400  # seconds that a server has to be idle for, at most so many times


class BenchError(Exception):
    """A run that is no result: a body missing, a client that failed or hung."""


def become_subreaper():
    """Orphans of a client come to us, so that their CPU is counted too."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def read_text(path):
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def children(pid):
    """All descendants of a process, itself first."""
    found = [pid]
    for parent in found:
        try:
            tasks = os.listdir(f"/proc/{parent}/task")
        except OSError:
            continue
        for task in tasks:
            found += [int(p) for p in read_text(f"/proc/{parent}/task/{task}/children").split()]
    return found


def cpu_of(pid):
    """User and system seconds of one process so far (a server's)."""
    fields = read_text(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK if fields else 0.0


def ran(pid):
    """Nanoseconds for which a process's threads ran so far."""
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return 0
    return sum(int((read_text(f"/proc/{pid}/task/{task}/schedstat") or "0").split()[0]) for task in tasks)


def await_rest(pid):
    """Waits until a server has nothing left to do: closing what the last client left open takes it 30 ms after 2,000
    hosts, and whoever comes next would find it slow."""
    before = ran(pid)
    for _ in range(REST_LIMIT):
        time.sleep(REST)
        now = ran(pid)
        if now - before < REST * 1e9 / 100:
            return
        before = now
    raise BenchError(f"the server ({pid}) does not come to rest")


def cpu_of_machine():
    """Seconds in which any CPU was not idle."""
    fields = [int(f) for f in read_text("/proc/stat").splitlines()[0].split()[1:8]]
    return (sum(fields) - fields[3] - fields[4]) / TICK


def rollup(pid, field):
    for line in read_text(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    return None


def tree_pss(pid):
    """Proportional set size of a whole tree in KB, and how many processes that was."""
    sizes = [rollup(p, "Pss") for p in children(pid)]
    sizes = [s for s in sizes if s is not None]
    return sum(sizes), len(sizes)


def resident(pid):
    """The parent's memory in KB: what is its own or was touched, without pages of files."""
    for line in read_text(f"/proc/{pid}/status").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1])
    return None


class Run:
    """A client that runs; its output goes to files in a folder."""

    def __init__(self, argv, folder, env=None, limit=300.0):
        self.argv, self.out, self.err = argv, os.path.join(folder, "out"), os.path.join(folder, "err")
        self.limit = limit
        full = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "HOME": folder}
        full.update(env or {})
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.before = set(children(os.getpid()))
            self.start = time.monotonic()
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=full,
                                            cwd=folder)
        self.pid = self.process.pid

    def kill(self):
        for pid in reversed(children(self.pid)):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def wait(self, watch=None):
        """Waits for the end; watch is called every 20 ms meanwhile. Returns what was measured."""
        try:
            status, usage = self.ended(watch)
        except BaseException:
            self.kill()
            os.wait4(self.pid, 0)
            self.process.returncode = -9
            raise
        wall = time.monotonic() - self.start
        self.process.returncode = os.waitstatus_to_exitcode(status)
        user, system = usage.ru_utime, usage.ru_stime
        for orphan in self.orphans():
            user, system = user + orphan.ru_utime, system + orphan.ru_stime
        return {"wall": wall, "user": user, "sys": system, "exit": self.process.returncode,
                "rss_kb": usage.ru_maxrss}

    def ended(self, watch):
        while True:
            # Without somebody to call, sleeping in the kernel: a poll would blur short runs.
            if watch is None:
                pid, status, usage = self.wait_blocking()
            else:
                watch(self.pid)
                time.sleep(0.02)
                pid, status, usage = os.wait4(self.pid, os.WNOHANG)
            if pid:
                return status, usage
            if time.monotonic() - self.start > self.limit:
                raise BenchError(f"{self.argv[0]} ran longer than {self.limit:.0f} s")

    def wait_blocking(self):
        def ring(_number, _frame):
            raise TimeoutError

        signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, max(0.1, self.limit - (time.monotonic() - self.start)))
        try:
            return os.wait4(self.pid, 0)
        except TimeoutError:
            return 0, 0, None
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def orphans(self):
        """Children of the client that outlived it, waited for."""
        for pid in set(children(os.getpid())) - self.before:
            try:
                yield os.wait4(pid, 0)[2]
            except ChildProcessError:
                pass
