"""Workers taken over: system calls in a confined worker's name, and bytes of its own in its results pipe."""
import errno
import fcntl
import json
import os
import re
import select
import signal
import struct
import subprocess
import unittest

from harness import ARGS, Case, children, kind, once, sanitized
from takeover import Died, Taken, possible

SIGSYS_SAID = "a system call that the sandbox does not allow"
TMP = b"/tmp/pfetch-taken-over\0"
AT_FDCWD, RDONLY, WRONLY, CREAT = -100, 0, 1, 0o100
UNIX, INET, INET6, NETLINK, PACKET = 1, 2, 10, 16, 17
STREAM, RAW = 1, 3
EXEC, READ, PRIVATE_ANONYMOUS = 4, 1, 0x22

# What must end the worker …
DEADLY = [
    ("openat", AT_FDCWD, TMP, WRONLY), ("openat", AT_FDCWD, TMP, RDONLY | CREAT, 0o600), ("creat", TMP, 0o600), ("rename", TMP, TMP),
    ("unlink", TMP), ("mkdir", TMP, 0o700), ("chmod", TMP, 0o777), ("truncate", TMP, 0), ("symlink", TMP, TMP),
    ("execve", b"/bin/true\0", 0, 0), ("execveat", AT_FDCWD, b"/bin/true\0", 0, 0, 0),
    ("fork",), ("vfork",), ("clone", signal.SIGCHLD, 0), ("clone3", struct.pack("5Q3Q", 0, 0, 0, 0, signal.SIGCHLD, 0, 0, 0), 64),
    ("ptrace", 16, 1), ("process_vm_readv", 1, bytes(16), 1, bytes(16), 1), ("kcmp", 1, 1, 0, 0, 0), ("pidfd_open", 1, 0),
    ("kill", 1, 0), ("tgkill", 1, 1, signal.SIGABRT),
    ("socket", INET, RAW, 1), ("socket", INET6, RAW, 58), ("socketpair", UNIX, STREAM, 0, bytes(8)),
    ("bind", 0, bytes(16), 16), ("listen", 0, 1), ("accept", 0, 0, 0), ("accept4", 0, 0, 0, 0),
    ("mmap", 0, 4096, READ | EXEC, PRIVATE_ANONYMOUS, -1, 0), ("mprotect", 4096, 4096, READ | EXEC), ("pkey_mprotect", 0, 4096, EXEC, -1),
    ("memfd_create", TMP, 0), ("shmget", 0, 100, 0o1600), ("msgget", 0, 0o1600),
    ("bpf", 0, 0, 0), ("io_uring_setup", 1, bytes(120)), ("userfaultfd", 0), ("perf_event_open", bytes(120), 0, -1, -1, 0),
    ("keyctl", 0, 0), ("seccomp", 0, 0, 0), ("init_module", 0, 0, TMP), ("personality", 0x0400000),
    ("mount", TMP, TMP, TMP, 0, 0), ("chroot", b"/\0"), ("unshare", 0x10000000), ("setns", 0, 0),
    ("setuid", 0), ("setgroups", 0, 0), ("setrlimit", 7, bytes(16)), ("prlimit64", 0, 7, bytes(16), 0),
    ("prctl", 4, 1), ("prctl", 1, 0), ("prctl", 22, 0), ("ioctl", 0, 0x5412, b"x"), ("fcntl", 3, 1031, 65536),
    ("splice", 3, 0, 4, 0, 1, 0), ("reboot", 0, 0, 0, 0),
]
# … what is refused by the list of what libraries try, and what Landlock refuses.
REFUSED = [
    (("socket", UNIX, STREAM, 0), errno.EAFNOSUPPORT), (("socket", NETLINK, RAW, 0), errno.EAFNOSUPPORT),
    (("socket", PACKET, RAW, 0), errno.EAFNOSUPPORT), (("openat2", AT_FDCWD, TMP, bytes(24), 24), errno.ENOSYS),
    (("openat", AT_FDCWD, b"/etc/passwd\0", RDONLY), errno.EACCES), (("openat", AT_FDCWD, b"/etc/shadow\0", RDONLY), errno.EACCES),
    (("openat", AT_FDCWD, b"/proc/self/maps\0", RDONLY), errno.EACCES), (("openat", AT_FDCWD, b"/tmp\0", RDONLY), errno.EACCES),
]


def landlock_here():
    return "+landlock" in VERSION


def seccomp_here():
    return "+seccomp(" not in VERSION and " +seccomp\n" in VERSION[VERSION.index("sandbox here"):]


VERSION = subprocess.run([__import__("harness").PFETCH, "--version"], capture_output=True, check=False).stdout.decode()


@once
@unittest.skipIf(possible() or "--sandbox" in ARGS or sanitized(), possible() or "no sandbox in this run")
class SystemCalls(Case):
    def setUp(self):
        super().setUp()
        if not seccomp_here() or not landlock_here():
            self.skipTest("no seccomp or no Landlock here")

    def hold(self, count):
        """A run whose one worker hangs in a fetch, and has `count` more to do."""
        process = self.start("-m", "process", "-w", 1, "-t", 60, "-f", "json")
        process.stdin.write(b"".join(b"https://h%d.test/stall/5/bytes/9\n" % i for i in range(count)))
        return process

    def busy(self, process, number):
        """The worker, when so many requests have come."""
        self.wait_until(lambda: len(self.origin.events("request")) >= number, "request %d" % number)
        return self.wait_until(lambda: children(process.pid), "a worker")[0]

    def test_what_a_fetch_never_does_ends_the_worker(self):
        self.origin.events_clear()
        process = self.hold(len(DEADLY) + 1)
        for number, call in enumerate(DEADLY, 1):
            with Taken(self.busy(process, number)) as worker:
                try:
                    self.fail("%s was survived: %d" % (call, worker.call(*call)))
                except Died as died:
                    self.assertEqual(died.signal, signal.SIGSYS, call)
        self.busy(process, len(DEADLY) + 1)
        process.terminate()
        result = self.finish(process)
        self.assertEqual(sorted(result.kinds), ["cancelled"] + ["worker-died"] * len(DEADLY), result.err)
        for report in result.reports:
            if report["error"]["kind"] == "worker-died":
                self.assertIn(SIGSYS_SAID, report["error"]["message"])
        self.assertIn("%d × killed by SIGSYS: %s" % (len(DEADLY), SIGSYS_SAID), result.err)

    def test_what_libraries_try_is_refused(self):
        self.origin.events_clear()
        process = self.hold(1)
        with Taken(self.busy(process, 1)) as worker:
            self.assertGreater(worker.call("getpid"), 0)
            for call, expected in REFUSED:
                self.assertEqual(worker.call(*call), -expected, call)
        process.terminate()
        self.assertEqual(self.finish(process).kinds, ["cancelled"])

    def test_a_jobs_pipe_made_to_wait_holds_up_nobody(self):
        """What the worker shares with the parent it can change: the parent must not wait for it."""
        self.origin.events_clear()
        process = self.hold(2)
        with Taken(self.busy(process, 1)) as worker:
            self.assertEqual(worker.call("fcntl", 3, 4, 0), 0)  # F_SETFL
            with self.assertRaises(Died):
                worker.call("fork")
        self.busy(process, 2)
        process.terminate()
        self.assertEqual(self.finish(process).kinds, ["worker-died", "cancelled"])


HEADER = struct.Struct("<BxxxIQ")
TASK, READY, HOP, HEAD, BODY, WIRE, END, NOTE, SHARED = range(1, 10)


def frame(number, kind_, data=b"", length=None):
    return HEADER.pack(kind_, len(data) if length is None else length, number) + data


def text(data):
    return struct.pack("<I", len(data)) + data


def url(data):
    return text(data + b"\0") if data else text(b"")


NOWHERE = text(b"") + struct.pack("<HBBB", 0, 0, 0, 0) + text(b"") * 2 + b"\0"


def result_record(error=0, phase=0, message=b"", address=b"https://h.test/", status=200, size=0, conn=NOWHERE):
    return (struct.pack("<BBB", error, phase, 0) + text(message) + url(address) + struct.pack("<H", status) + text(b"1.1") +
            struct.pack("<QI", size, 0) + conn + struct.pack("<7QB", *[0] * 7, 0) + text(b"") * 2 + b"\0")


def head_record(address=b"https://h.test/", status=200, location=b"", fields=b"", count=0, conn=b"\0"):
    return (url(address) + struct.pack("<H", status) + text(b"1.1") + struct.pack("<I", count) + text(fields) + text(b"") * 2 +
            url(location) + struct.pack("<Q", 0) + conn)


DECLINED = b"\xdc"  # record_put_declined
ESC = b"\x1b]0;owned\x07\r\n"
DIED_KIND, CANCELLED_KIND, OUTPUT_KIND = 14, 15, 16  # enum error_kind


def forgeries(n):
    """What somebody in a worker might write in the name of task `n`: a name, and the bytes."""
    other = n + 64
    whole = frame(n, HEAD, head_record()) + frame(n, BODY, b"12345")
    return [
        ("another's end", frame(other, END, result_record())),
        ("another's body", whole + frame(other, BODY, b"stolen")),
        ("body before head", frame(n, BODY, b"12345")),
        ("two heads", frame(n, HEAD, head_record()) * 2),
        ("ready twice", frame(0, READY) * 2),
        ("a task upwards", frame(n, TASK, b"x")),
        ("no type", frame(n, 77)),
        ("too long", frame(n, HEAD, b"", 0x7fffffff)),
        ("a place before the head", frame(n, SHARED, b"", 5)), ("an empty place", whole + frame(n, SHARED)),
        ("more than a place", whole + frame(n, SHARED, b"", 65537)), ("another's place", whole + frame(other, SHARED, b"", 5)),
        ("more places than there are", whole + frame(n, SHARED, b"", 9) * 5),
        ("an empty body", frame(n, HEAD, head_record()) + frame(n, BODY)),
        ("noise", b"\xa5" * 5000),
        ("notes without end", frame(n, NOTE, b"x" * 1024) * 4200),
        ("hops without end", frame(n, HOP, head_record(status=302, location=b"https://i.test/", conn=b"\1" + NOWHERE)) * 5000),
        ("a hop without a place", frame(n, HOP, head_record(status=302, conn=b"\1" + NOWHERE))),
        ("a head that is none", frame(n, HEAD, b"\xff" * 40)),
        ("a head with a line in its URL", frame(n, HEAD, head_record(address=b"https://h.test/\r\nX: y"))),
        ("more fields than there are", frame(n, HEAD, head_record(fields=text(b"a"), count=7))),
        ("an end that is none", whole + frame(n, END, b"\x01")),
        ("given back when begun", whole + frame(n, END, DECLINED)),
        ("a size that is a lie", whole + frame(n, END, result_record(size=1 << 63))),
        ("a status that is none", whole + frame(n, END, result_record(size=5, status=7))),
        ("an address of control bytes", whole + frame(n, END, result_record(size=5, conn=text(ESC) + NOWHERE[4:]))),
        ("a note of control bytes", frame(n, NOTE, ESC) + frame(n, 77)),
        ("output", whole + frame(n, END, result_record(OUTPUT_KIND, size=5))),
        ("worker-died", whole + frame(n, END, result_record(DIED_KIND, size=5))),
        ("cancelled", whole + frame(n, END, result_record(CANCELLED_KIND, size=5))),
    ]


NAMES = [name for name, _ in forgeries(0)]


@once
@unittest.skipIf(possible(), possible())
class Forgeries(Case):
    """Each forgery costs its own target at most: those before and behind it are untouched."""

    def start_run(self, *args):
        process = self.start("-m", "process", "-w", 1, "--max-time", 30, "-f", "json", "-v", *args, stderr=open(self.path("err"), "wb"))
        return process

    def ask(self, process, target):
        process.stdin.write(target.encode() + b"\n")

    def answer(self, process, seconds=60):
        if not select.select([process.stdout], [], [], seconds)[0]:
            self.fail("no report: " + self.read("err").decode("utf-8", "replace")[-2000:])
        line = b""
        while not line.endswith(b"\n"):
            line += process.stdout.read(1)
        return json.loads(line)

    def forge(self, process, which, forged=None, survives=False):
        """The idle worker is stopped, handed its next task, and made to say what it would not."""
        pid = children(process.pid)[0]
        with Taken(pid) as worker:
            self.ask(process, "https://victim.test/stall/5/bytes/9")
            task = self.wait_until(lambda: worker.read(3, 4096), "its task")
            number = struct.unpack_from("<Q", task, 8)[0]
            data = forged(number) if forged else forgeries(number)[which][1]
            pipe = os.open("/proc/%d/fd/4" % pid, os.O_WRONLY)
            try:
                fcntl.fcntl(pipe, 1031, 1 << 20)
                while data:
                    data = data[os.write(pipe, data):]
            except OSError:
                pass  # it was killed before it had said all
            finally:
                os.close(pipe)
            try:
                if not survives:
                    worker.wait_gone(20)
            except Died:
                pass

    def ok(self, process, name):
        self.ask(process, "https://good.test/text/fine")
        report = self.answer(process)
        self.assertEqual((kind(report), report["target"], report["bytes"]), ("ok", "https://good.test/text/fine", 4), name)

    def test_each(self):
        process = self.start_run("-d", self.path("out"))
        for which, name in enumerate(NAMES):
            self.ok(process, name)
            self.forge(process, which)
            report = self.answer(process)
            self.assertEqual((kind(report), report["target"]), ("worker-died", "https://victim.test/stall/5/bytes/9"), name)
            self.assertIn("broke the protocol", report["error"]["message"])
        self.ok(process, "the last")
        process.stdin.close()
        process.stdin = None
        self.assertEqual(process.wait(60), 1)
        err = self.read("err")
        self.assertEqual([c for c in err if (c < 32 and c != 10) or c == 127], [], err[-500:])
        summary = err.splitlines()[-1].decode()
        self.assertIn("worker-died %d)" % len(NAMES), summary)
        self.assertIn("1 × broke the protocol: END for another task", summary)
        self.assertLess(int(re.search(r"(\d+) bytes", summary)[1]), 1000)
        self.assertEqual({self.read("out/" + n) for n in os.listdir(self.path("out"))}, {b"fine"})

    def test_half_a_frame_and_silence(self):
        process = self.start_run("--max-time", 5)
        self.ok(process, "before")
        self.forge(process, None, lambda n: frame(n, HEAD, b"xyz", 4000))
        report = self.answer(process)
        self.assertKind(report, "worker-died")
        self.assertIn("hung", report["error"]["message"])
        self.ok(process, "behind")
        process.terminate()
        self.assertEqual(process.wait(60), 143)

    def test_a_head_without_its_connection(self):
        """Which an archive's records name."""
        process = self.start_run("--warc", self.path("a.warc"))
        for kind_, location in ((HEAD, b""), (HOP, b"https://i.test/")):
            self.forge_first(process, lambda n, k=kind_, to=location: frame(n, k, head_record(location=to)))
            report = self.answer(process)
            self.assertKind(report, "worker-died")
            self.assertIn("that is none", report["error"]["message"])
        process.terminate()
        self.assertEqual(process.wait(60), 143)

    def test_more_than_may_come(self):
        process = self.start_run("--max-size", 3)
        self.forge_first(process, lambda n: frame(n, HEAD, head_record()) + frame(n, BODY, b"1234"))
        report = self.answer(process)
        self.assertKind(report, "worker-died")
        self.assertIn("more than --max-size", report["error"]["message"])
        process.terminate()
        self.assertEqual(process.wait(60), 143)

    def forge_first(self, process, forged, **how):
        """As forge, of a worker that has had one target, whose answer is read."""
        self.ask(process, "127.0.0.1:1")
        self.answer(process)
        self.forge(process, None, forged, **how)

    def test_a_retry_makes_up_for_it(self):
        process = self.start_run("--retry", 1, "--retry-delay", "0.01", "-t", 1)
        for which in (NAMES.index("another's end"), NAMES.index("an end that is none")):
            self.ok(process, "before")
            self.forge(process, which)
            report = self.answer(process)
            self.assertEqual((kind(report), report["attempts"]), ("timeout", 2))
        process.stdin.close()
        process.stdin = None
        self.assertEqual(process.wait(60), 1)

    def test_given_back_for_no_pause(self):
        """Which a worker may do with what it has not begun: the target is fetched all the same, and counts one attempt."""
        process = self.start_run("-t", 1)
        self.forge_first(process, lambda n: frame(n, END, DECLINED), survives=True)
        report = self.answer(process)
        self.assertEqual((kind(report), report["attempts"]), ("timeout", 1))
        process.terminate()
        self.assertEqual(process.wait(60), 143)
