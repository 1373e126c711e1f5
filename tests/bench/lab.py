"""One measurement: a client does a case's work once, is counted, and leaves a sample (a dict of figures)."""
import mmap
import os
import shutil
import subprocess
import sys
import time

from clients import PATIENCE, Work
from measure import BenchError, Run, cpu_of_machine, read_text, resident, tree_pss
from rows import Case

SINGLE_REPEATS = 20
HELD_LIMIT = 120

# What a run takes, about: of any, of a worker, and beside the length of the files that it leaves.
TOUCHED, TOUCHED_WORKER = 256 << 20, 600 << 10

TOUCH = """
import mmap, sys
m = mmap.mmap(-1, int(sys.argv[1]), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
try:
    m.madvise(23)  # MADV_POPULATE_WRITE
except OSError:
    for at in range(0, len(m), mmap.PAGESIZE):
        m[at] = 1
"""


def touch_memory(size):
    """Has the machine's memory at hand that the next run will take: a virtual machine gives back to its host what has lain
    free for two seconds, and whoever comes next pays for it (up to three times the time of 1 GB into files)."""
    available = os.sysconf("SC_AVPHYS_PAGES") * mmap.PAGESIZE
    subprocess.run([sys.executable, "-c", TOUCH, str(min(size, available // 2))], check=True)


class Lab:
    def __init__(self, folder, stores, nginx, late, quick):
        self.folder, self.stores, self.quick = folder, stores, quick
        self.servers = {"nginx": nginx, "late": late}
        self.works = {}

    def work(self, case: Case, client):
        """The case's work for one client, made once with its lists."""
        if (case.key, client.name) in self.works:
            return self.works[case.key, client.name]
        count = case.quick if self.quick else case.count
        if client.name in case.slow:
            count = max(1, count // case.slow_by)
        workers = min(case.workers, count) if case.kind in ("held", "memory") else case.workers
        folder = os.path.join(self.folder, f"{case.key}-{client.name}")
        os.makedirs(folder)
        work = Work(count=count, hosts=case.hosts or count, workers=workers, path=case.path,
                    port=self.servers[case.server].port, trust=case.trust, stores=self.stores,
                    files=case.files or not client.distinct, by_line=case.by_line, form=case.form, shared=case.shared, folder=folder)
        self.works[case.key, client.name] = work
        return work

    def sample(self, case, client):
        work = self.work(case, client)
        argv = client.argv(work)  # writes the lists
        server = self.servers[case.server]
        touch_memory(TOUCHED + work.workers * TOUCHED_WORKER + (work.count * work.size if work.files else 0))
        server.await_rest()
        if case.kind == "single":
            return self.single(case, client, work, argv)
        if case.server == "late":
            server.tell(f"delay {case.delay}")
        if work.files:
            os.makedirs(work.out)
        before, machine = server.cpu(), cpu_of_machine()
        try:
            if case.kind in ("held", "memory"):
                found = self.held(case, client, work, argv)
            else:
                found = self.plain(case, client, work, argv)
            found["server_ms"] = (server.cpu() - before) * 1000 / work.count
            busy = cpu_of_machine() - machine
            found["foreign_s"] = max(0.0, busy - found["user"] - found["sys"] - server.cpu() + before)
            self.count(case, client, work, found)
        finally:
            if work.files:
                shutil.rmtree(work.out, ignore_errors=True)
        return self.derived(work, found)

    def plain(self, case, client, work, argv):
        run = Run(argv, work.folder, work.environment())
        if case.kind != "growth":
            return run.wait()
        last = []

        def watch(pid):
            size = resident(pid)
            if size:
                last.append(size)

        found = run.wait(watch)
        # The very last look may fall into the exit.
        found["parent_kb"] = max(last[-3:], default=None)
        return found

    def held(self, case, client, work, argv):
        """All workers in flight at once; then they are let go. Memory is looked at in between."""
        late = self.servers["late"]
        late.tell(f"hold {work.count}")
        run = Run(argv, work.folder, work.environment())
        pss = None
        try:
            at = late.told("held", HELD_LIMIT)
            if case.kind == "memory":
                time.sleep(0.2)
                pss, processes = tree_pss(run.pid)
        except BenchError:
            run.kill()
            run.wait()
            late.tell("go")
            raise BenchError(f"not all {work.count} were in flight; {read_text(run.err)[-300:]}") from None
        late.tell("go")
        found = run.wait()
        found["held"] = at - run.start
        if pss is not None:
            found["pss_kb"], found["processes"] = pss / work.count, processes
        return found

    def single(self, case, client, work, argv):
        walls, users, systems = [], 0.0, 0.0
        for _ in range(5 if self.quick else SINGLE_REPEATS):
            found = Run(argv, work.folder, work.environment()).wait()
            self.count(case, client, work, found)
            walls.append(found["wall"])
            users, systems = users + found["user"], systems + found["sys"]
        walls.sort()
        return self.derived(work, {"wall": walls[len(walls) // 2], "user": users / len(walls),
                                   "sys": systems / len(walls), "exit": 0})

    def count(self, case, client, work, found):
        """Nothing but every body whole is a result."""
        out, err = os.path.join(work.folder, "out"), os.path.join(work.folder, "err")
        bodies, total = client.counted(work, out, err)
        if bodies != work.count or total != work.count * work.size:
            raise BenchError(f"{bodies} of {work.count} bodies, {total} of {work.count * work.size} bytes; exit "
                             f"{found['exit']}; {read_text(err).strip()[-400:]}")
        if found["exit"] != 0:
            raise BenchError(f"exit {found['exit']}: {read_text(err).strip()[-400:]}")

    @staticmethod
    def derived(work, found):
        cpu = found["user"] + found["sys"]
        length = work.count * work.size
        found.update(fetches=work.count, cpu_ms=cpu * 1e3 / work.count, cpu_us=cpu * 1e6 / work.count,
                     fetches_s=work.count / found["wall"], mb_s=length / 1e6 / found["wall"],
                     cpu_s_gb=cpu * 1e9 / length, wall_ms=found["wall"] * 1e3)
        return found


assert PATIENCE > HELD_LIMIT
