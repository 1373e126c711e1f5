"""What the end-to-end tests stand on: an origin, runs of the program, and what came of them.

The programs come from the environment: PFETCH and ORIGIN (absolute paths; by default those of build/gcc).
PFETCH_WRAP is put in front of the program (valgrind …), PFETCH_ARGS behind it, PFETCH_FULL makes lists and bodies
as large as what they stand for, PFETCH_SLOW multiplies every
time limit. Every test runs once in each mode of PFETCH_MODES (all three by default): the runner makes a class of
each Case a mode, with an origin of its own. A test that makes sense in some modes only says so with @modes(...).
Python's own library is all that is needed.
"""
import atexit
import hashlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from urllib.parse import quote

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))


def reachable(program):
    """The program, or, where its folder is one that other users may not enter, a copy: some tests run it as others."""
    folder = os.path.dirname(program)
    while os.path.exists(folder) and os.stat(folder).st_mode & 0o001:
        if folder == os.path.dirname(folder):
            return program
        folder = os.path.dirname(folder)
    if os.geteuid() != 0 or not os.path.exists(program):
        return program
    copies = tempfile.mkdtemp(prefix="pfetch-program-")
    os.chmod(copies, 0o755)
    atexit.register(shutil.rmtree, copies, True)
    return shutil.copy(program, copies)


PFETCH = reachable(os.environ.get("PFETCH") or os.path.join(TOP, "build", "gcc", "pfetch"))
ORIGIN = os.environ.get("ORIGIN") or os.path.join(TOP, "build", "gcc", "tests", "origin", "origin")
WRAP = shlex.split(os.environ.get("PFETCH_WRAP", ""))
ARGS = shlex.split(os.environ.get("PFETCH_ARGS", ""))
SLOW = float(os.environ.get("PFETCH_SLOW", "1"))
FULL = bool(os.environ.get("PFETCH_FULL"))  # long lists and large bodies as large as the promises
MODES = os.environ.get("PFETCH_MODES", "process thread serial").split()
POOLS = ["process", "thread"]
KINDS = {"invalid-target", "dns", "connect", "timeout", "tls", "certificate", "http", "truncated", "too-large",
         "too-many-redirects", "proxy", "http-status", "denied", "worker-died", "cancelled", "output"}


def modes(*names):
    """Marks a test or a Case that runs in these modes only."""
    def mark(thing):
        thing.runs_in = names
        return thing
    return mark


once = modes("process")


def pattern(length, seed=""):
    """The origin's /bytes/LENGTH/SEED."""
    fill = (b"0123456789abcdefghijklmnopqrstuvwxyz" * 28)[:991] + b"\n"
    tail = b" " + seed.encode()[:15].ljust(15) + fill
    rows = b"".join(b"%016x" % at + tail for at in range(0, length, 1024))
    return rows[:length]


def script(*steps):
    """A path for the origin's steps; bytes in a step are told by ('send', b'…'), numbers by ('wait', 100)."""
    return "/script?" + ";".join(step_text(s) for s in steps)


def step_text(step):
    if isinstance(step, str):
        return step
    return ":".join([step[0]] + [quote(a, safe="") if isinstance(a, (bytes, str)) else str(a) for a in step[1:]])


def reply(head, body=b"", *after):
    """A script that sends a head (lines joined by CRLF when it is a list) and a body, then closes cleanly."""
    if isinstance(head, (list, tuple)):
        head = "\r\n".join(head) + "\r\n\r\n"
    data = (head.encode("latin-1") if isinstance(head, str) else head) + body
    return script(("send", data), *(after or ("close",)))


def environment(extra=None):
    keep = {k: v for k, v in os.environ.items()
            if k in ("PATH", "HOME", "USER", "LD_LIBRARY_PATH", "LD_PRELOAD") or k.endswith("SAN_OPTIONS")}
    keep["LC_ALL"] = "C.UTF-8"
    keep.update(extra or {})
    return keep


class Result:
    """A finished run."""

    def __init__(self, status, out, err, session):
        self.status = 128 - status if status < 0 else status
        self.out, self.err_bytes, self.session = out, err, session
        self.err = err.decode("utf-8", "replace")

    @property
    def reports(self):
        return [json.loads(line) for line in self.out.decode("utf-8").splitlines()]

    @property
    def report(self):
        reports = self.reports
        if len(reports) != 1:
            raise AssertionError("one report wanted, got %d; standard error: %s" % (len(reports), self.err))
        return reports[0]

    @property
    def kinds(self):
        """What became of each target, in the order of the list."""
        return [kind(r) for r in sorted(self.reports, key=lambda r: r["index"])]

    def __repr__(self):
        """The first lines of a long output, and each report of a failure in it."""
        failed = [line for line in self.out[2000:].splitlines() if b'"error":{' in line]
        return "status %d\nout: %r\n%serr: %s" % (self.status, self.out[:2000], "".join("failed: %r\n" % line for line in failed[:5]),
                                                 self.err[-4000:])


def kind(report):
    return report["error"]["kind"] if report["error"] else "ok"


class Origin:
    """A running origin; its ports by name, its certificates in dir, its log in events()."""

    def __init__(self, directory, *args):
        self.dir = directory
        self.log_path = os.path.join(directory, "origin.log")
        self.process = subprocess.Popen(
            [ORIGIN, "--dir", directory, "--log", self.log_path, *args],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment())
        self.ports = {}
        for raw in self.process.stdout:
            key, _, value = raw.decode().strip().partition("=")
            if key == "READY":
                break
            self.ports[key] = value
        else:
            raise RuntimeError("the origin did not start")
        self.https, self.http = int(self.ports["HTTPS"]), int(self.ports["HTTP"])
        self.ipv6 = self.ports["IPV6"] == "yes"

    def port(self, name):
        return int(self.ports[name])

    def path(self, name):
        return os.path.join(self.dir, name)

    def events(self, kind=None):
        with open(self.log_path, encoding="utf-8") as f:
            lines = [json.loads(line) for line in f if line.endswith("\n")]
        return [e for e in lines if kind is None or e["event"] == kind]

    def events_clear(self):
        os.truncate(self.log_path, 0)

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


class Case(unittest.TestCase):
    """A test with an origin (one a class), a directory of its own, and a look at what a run leaves behind."""

    origin_args = ()
    maxDiff = 4000
    mode = MODES[0]

    @classmethod
    def setUpClass(cls):
        cls.class_dir = tempfile.mkdtemp(prefix="pfetch-origin-")
        os.chmod(cls.class_dir, 0o755)
        cls.addClassCleanup(shutil.rmtree, cls.class_dir, True)
        cls.origin = Origin(cls.class_dir, *cls.make_origin_args())
        cls.addClassCleanup(cls.origin.stop)

    @classmethod
    def make_origin_args(cls):
        return cls.origin_args

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="pfetch-test-")
        os.chmod(self.dir, 0o755)
        self.addCleanup(shutil.rmtree, self.dir, True)
        self.tmp = os.path.join(self.dir, "tmp")
        os.mkdir(self.tmp)

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, data):
        with open(self.path(name), "wb") as f:
            f.write(data.encode() if isinstance(data, str) else data)
        return self.path(name)

    def read(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()

    # The command

    def trust(self):
        return ["--cacert", self.origin.path("ca.pem")]

    def toward(self):
        """Every name leads to the origin, whatever its port."""
        return ["--connect-to", "::127.0.0.1:%d" % self.origin.https]

    def command(self, *args, base=True):
        common = self.trust() + self.toward() if base else []
        if self.mode != "process" and not any(str(a) in ("-m", "--mode") or str(a).startswith("--mode=") for a in args):
            common += ["-m", self.mode]
        return WRAP + [PFETCH, *ARGS, *common, *[str(a) for a in args]]

    def start(self, *args, base=True, env=None, **popen):
        """A run in a session of its own, so that what it leaves behind can be found."""
        options = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, bufsize=0,
                       env=environment({"TMPDIR": self.tmp, **(env or {})}))
        options.update(popen)
        process = subprocess.Popen(self.command(*args, base=base), **options)
        self.addCleanup(end_session, process)
        return process

    def finish(self, process, data=None, timeout=120):
        try:
            out, err = process.communicate(data, timeout=timeout * SLOW)
        except subprocess.TimeoutExpired:
            err = b""
            end_session(process)
            self.fail("no end after %g s: %s" % (timeout * SLOW, shlex.join(process.args)[:2000]))
        result = Result(process.returncode, out or b"", err or b"", process.pid)
        self.check_sane(result)
        return result

    def check_sane(self, result):
        """What holds for every run: no sanitizer's or valgrind's finding, nothing left in TMPDIR."""
        self.assertNotIn(result.status, (66, 99, 134, 139), result)
        for mark in ("Sanitizer", "runtime error:", "== ERROR", "Assertion"):
            self.assertNotIn(mark, result.err)
        self.assertEqual(os.listdir(self.tmp), [])

    def run_with(self, *args, lines=None, data=None, base=True, env=None, timeout=120, **popen):
        """Runs the program to its end. `lines`: the list on standard input; else `data`, else nothing."""
        if lines is not None:
            data = b"".join((x if isinstance(x, bytes) else x.encode()) + b"\n" for x in lines)
        return self.finish(self.start(*args, base=base, env=env, **popen), data or b"", timeout)

    def json(self, *args, **more):
        return self.run_with("-f", "json", *args, **more)

    def fetch(self, target, *args, **more):
        """The one report of one target."""
        return self.json(*args, target, **more).report

    def assertKind(self, report, expected, phase=None):
        self.assertEqual(kind(report), expected, report)
        if phase:
            self.assertEqual(report["error"]["phase"], phase, report)

    def assertUsage(self, *args, saying="", statuses=(2,), **more):
        """One line on standard error, exit 2, nothing fetched."""
        self.origin.events_clear()
        result = self.run_with(*args, **more)
        self.assertIn(result.status, statuses, result)
        self.assertEqual(result.out, b"", result)
        self.assertEqual(len(result.err.splitlines()), 1, result)
        self.assertIn(saying, result.err)
        self.assertEqual(self.origin.events("request"), [])
        return result

    def each_mode(self, among=("process", "thread", "serial")):
        """The mode that this class runs in, for tests that name it; those for other modes are skipped."""
        if self.mode not in among:
            self.skipTest("not in %s mode" % self.mode)
        return [self.mode]

    def wait_until(self, condition, what, seconds=30):
        end = time.monotonic() + seconds * SLOW
        while time.monotonic() < end:
            value = condition()
            if value:
                return value
            time.sleep(0.02)
        self.fail("not within %g s: %s" % (seconds * SLOW, what))


# Processes


def stat_fields(pid):
    """The fields of /proc/PID/stat behind the name: state, parent, group, session, …; None when it is gone."""
    try:
        with open("/proc/%d/stat" % pid, "rb") as f:
            return f.read().rpartition(b")")[2].split()
    except (OSError, ValueError):
        return None


def session_pids(session):
    """The living processes of a session."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            fields = stat_fields(int(name))
            if fields and int(fields[3]) == session and fields[0] not in (b"Z", b"X"):
                found.append(int(name))
    return found


def children(pid):
    """Its child processes (zombies are none)."""
    found = []
    try:
        tasks = os.listdir("/proc/%d/task" % pid)
    except OSError:
        return []
    for task in tasks:
        try:
            with open("/proc/%d/task/%s/children" % (pid, task), encoding="ascii") as f:
                found += [int(p) for p in f.read().split()]
        except OSError:
            pass
    return [p for p in found if (stat_fields(p) or [b"X"])[0] not in (b"Z", b"X")]


def end_session(process):
    """Ends what is left of a run of this test, by its own session."""
    for pid in session_pids(process.pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass
    if process.poll() is None:
        process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream and not stream.closed:
            try:
                stream.close()
            except OSError:
                pass


def end_tree(process):
    """Ends a server with all that it started: what logs in, and a job, has a session of its own."""
    found, more = [], [process.pid]
    while more:
        found += more
        more = [child for pid in more for child in children(pid)]
    for pid in found[1:]:
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass
    end_session(process)


def memory_kb(pid, field):
    """A line of /proc/PID/status in KB (VmHWM, VmRSS)."""
    with open("/proc/%d/status" % pid, encoding="ascii", errors="replace") as f:
        for line in f:
            if line.startswith(field + ":"):
                return int(line.split()[1])
    return 0


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def sanitized():
    """True when the program is slowed and bloated by a sanitizer or valgrind: no figure counts then."""
    if WRAP:
        return True
    with open(PFETCH, "rb") as f:
        program = f.read()
    return any(mark in program for mark in (b"__asan_init", b"__tsan_init"))


if __name__ == "__main__":
    sys.exit("run ./run TOPIC")
