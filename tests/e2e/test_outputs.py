"""Outputs that fail or wait: full and read-only ones, FIFOs nobody reads, and what the journal says then."""
import fcntl
import os
import resource
import shutil
import signal
import subprocess
import sys
import termios
import time
import unittest

from harness import Case, kind, once, sanitized


def lines_of(path):
    if not os.path.exists(path):
        return []
    with open(path, "rb") as f:
        return [x for x in f.read().split(b"\n")[:-1] if x[:1] != b"#"]


class FullDisk(Case):
    """A small file system of its own; what the journal says done must be there, whole."""

    SIZE = 300000

    def setUp(self):
        super().setUp()
        self.disk = self.path("disk")
        os.mkdir(self.disk)
        mounted = os.geteuid() == 0 and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "none", self.disk], capture_output=True, check=False).returncode == 0
        if not mounted:
            self.skipTest("needs root and a mount")
        self.addCleanup(subprocess.run, ["umount", "-l", self.disk], check=False)

    def fill(self):
        fd = os.open(self.path("disk/filler"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            while os.write(fd, b"x" * 4096):
                pass
        except OSError:
            pass
        os.close(fd)

    def full(self, *args, named):
        targets = ["https://h%d.test/bytes/%d/x%d" % (i, self.SIZE, i) for i in range(12)]
        result = self.run_with("-w", 2, *args, lines=targets)
        self.assertEqual(result.status, 3, result)
        self.assertIn(named, result.err)
        self.assertIn("No space left", result.err)
        self.assertRegex(result.err, r"output \d")
        self.assertNotIn("worker-died", result.err)
        return result

    def test_of_bodies_in_a_directory(self):
        log, out = self.path("journal"), self.path("disk/out")
        self.full("-f", "json", "-d", out, "--joblog", log, named=out)
        done = [x.split(b"\t") for x in lines_of(log)]
        self.assertLessEqual(len(done), len(os.listdir(out)), "a line without a file")
        for name in os.listdir(out):
            self.assertEqual(os.path.getsize(os.path.join(out, name)), self.SIZE)

    def test_of_the_format(self):
        for form in ("json", "text", "body"):
            with self.subTest(form):
                out, log = self.path("disk/out-" + form), self.path("journal-" + form)
                self.fill()
                self.full("-f", form, "-o", out, "--joblog", log, named=out)
                self.assertEqual(lines_of(log), [])

    def test_of_the_archive(self):
        self.full("-f", "none", "--warc", self.path("disk/a.warc"), named="a.warc")

    def test_of_the_journal(self):
        self.fill()
        os.truncate(self.path("disk/filler"), os.path.getsize(self.path("disk/filler")) - 4096)
        log = self.path("disk/journal")
        lines = ["https://h%d.test/ok" % i for i in range(300)]
        result = self.run_with("-f", "json", "--joblog", log, lines=lines)
        self.assertEqual(result.status, 3, result)
        self.assertIn(log, result.err)
        os.unlink(self.path("disk/filler"))
        done = len(lines_of(log))
        again = self.json("--joblog", log, "--resume", lines=lines)
        self.assertEqual(again.status, 0, again)
        self.assertEqual(len(again.reports), 300 - done)


@once
class LargeFiles(Case):
    def test_a_limit_on_the_size_of_files(self):
        """ulimit -f: exit 3 and the name, as for a full disk, and no death by SIGXFSZ."""
        lines = ["https://h%d.test/bytes/300000/x%d" % (i, i) for i in range(4)]
        for form, args, name in (("body", ["-o", "out"], "out"), ("none", ["-d", "dir"], "dir"), ("none", ["--warc", "a.warc"], "a.warc"),
                                 ("none", ["--joblog", "journal"], "journal")):
            with self.subTest(args[0]):
                journal = args[0] == "--joblog"
                most = 32768 if journal else 200000
                path = self.path(args[1])
                result = self.run_with("-f", form, args[0], path, lines=["no target %d" % i for i in range(2000)] if journal else lines,
                                       preexec_fn=lambda m=most: resource.setrlimit(resource.RLIMIT_FSIZE, (m, m)))
                self.assertEqual(result.status, 3, result)
                self.assertIn(self.path(name), result.err)
                self.assertRegex(result.err, "File too large|No space left")

    def test_a_limit_smaller_than_the_filter(self):
        """The sandbox's filter is no file: the limit does not concern it."""
        for most in (0, 1024):
            result = self.json("https://a.test/ok", preexec_fn=lambda m=most: resource.setrlimit(resource.RLIMIT_FSIZE, (m, m)))
            self.assertEqual((result.status, [kind(r) for r in result.reports]), (0, ["ok"]), result)


@once
class ReadOnly(Case):
    def test_a_directory_that_may_not_be_written(self):
        """As a plain user: exit 3, the name is said, and nothing is fetched."""
        closed = self.path("closed")
        os.mkdir(closed, 0o555)
        prefix = []
        if os.geteuid() == 0:
            if not shutil.which("setpriv"):
                self.skipTest("root may write anywhere, and there is no setpriv")
            prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        for args in (["-o", "out"], ["-d", "out"], ["--joblog", "out"], ["--warc", "out"]):
            with self.subTest(args[0]):
                self.origin.events_clear()
                path = os.path.join(closed, args[1])
                process = subprocess.run(prefix + self.command("-f", "json", args[0], path, "https://a.test/ok"),
                                         capture_output=True, stdin=subprocess.DEVNULL, timeout=60, check=False)
                self.assertEqual((process.returncode, process.stdout), (3, b""), process.stderr)
                self.assertIn(path.encode(), process.stderr)
                self.assertEqual(self.origin.events("request"), [])


@once
class Waiting(Case):
    def test_a_signal_while_a_fifo_is_opened(self):
        fifo = self.path("fifo")
        os.mkfifo(fifo)
        for args in (["-o", fifo, "https://a.test/ok"], ["-i", fifo]):
            for number in (signal.SIGINT, signal.SIGTERM):
                with self.subTest(args[0]):
                    process = self.start(*args)
                    self.wait_until(lambda p=process: self.waits_in_open(p.pid), "it waits in open")
                    process.send_signal(number)
                    self.assertIn(process.wait(30), (-number, 128 + number))

    def waits_in_open(self, pid):
        try:
            with open("/proc/%d/wchan" % pid, encoding="ascii") as f:
                return "wait_for_partner" in f.read() or time.sleep(0.5)
        except OSError:
            return time.sleep(0.5) or True

    def test_a_signal_while_nobody_reads_the_journal(self):
        fifo = self.path("fifo")
        os.mkfifo(fifo)
        unread = os.open(fifo, os.O_RDWR)
        self.addCleanup(os.close, unread)
        lines = self.write("list", "".join("no target %d\n" % i for i in range(3000)))
        for number in (signal.SIGINT, signal.SIGTERM):
            process = self.start("-f", "none", "--joblog", fifo, "-i", lines)
            self.wait_until(lambda: int.from_bytes(fcntl.ioctl(unread, termios.FIONREAD, bytes(4)), sys.byteorder) > 60000, "it is full")
            time.sleep(0.1)
            process.send_signal(number)
            self.assertIn(process.wait(30), (-number, 128 + number))

    def test_no_line_in_the_journal_before_anything_was_taken(self):
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        os.set_blocking(write, False)
        os.write(write, bytes(1 << 20))
        os.set_blocking(write, True)
        log = self.path("journal")
        self.origin.events_clear()
        process = self.start("-f", "json", "--joblog", log, "-w", 2, *["https://h%d.test/ok" % i for i in range(20)],
                             stdin=subprocess.DEVNULL, stdout=write)
        os.close(write)
        self.wait_until(lambda: len(self.origin.events("request")) >= 2, "two requests")
        time.sleep(1)
        self.assertEqual(lines_of(log), [])
        process.kill()

    def test_a_signal_while_nobody_reads_the_archive(self):
        """A pipe that is full already, and one that gets full."""
        for full in (True, False):
            fifo = self.path("archive%d" % full)
            os.mkfifo(fifo)
            unread = os.open(fifo, os.O_RDWR)
            self.addCleanup(os.close, unread)
            if full:
                os.set_blocking(unread, False)
                os.write(unread, bytes(1 << 20))
            self.origin.events_clear()
            process = self.start("-f", "none", "--warc", fifo, "-w", 2, "https://a.test/bytes/300000", "https://b.test/bytes/300000")
            self.wait_until(lambda u=unread: int.from_bytes(fcntl.ioctl(u, termios.FIONREAD, bytes(4)), sys.byteorder) > 60000, "it is full")
            time.sleep(0.3)
            process.send_signal(signal.SIGTERM)
            err = process.communicate(timeout=30)[1].decode()
            self.assertIn(process.returncode, (143, -15), err)
            self.assertNotIn("worker-died", err)

    def test_what_the_archive_did_not_take_is_not_done(self):
        """Its answer came, but its record never left: it is to be fetched again."""
        fifo, log = self.path("archive"), self.path("journal")
        os.mkfifo(fifo)
        unread = os.open(fifo, os.O_RDWR)
        self.addCleanup(os.close, unread)
        process = self.start("-f", "json", "--warc", fifo, "--joblog", log, "-w", 2,
                             "https://a.test/bytes/300000", "https://b.test/bytes/300000")
        self.wait_until(lambda: int.from_bytes(fcntl.ioctl(unread, termios.FIONREAD, bytes(4)), sys.byteorder) > 60000, "it is full")
        process.send_signal(signal.SIGTERM)
        result = self.finish(process)
        self.assertEqual((result.status, result.kinds), (143, ["cancelled"] * 2), result)
        self.assertEqual(lines_of(log), [])

    def test_a_journal_line_comes_after_its_output(self):
        """Who reads nothing has been given nothing: not a line in the journal, whatever was fetched."""
        log = self.path("journal")
        lines = self.write("list", "https://a.test/header/X/%s/ok\n" % ("y" * 3000) * 200)
        process = self.start("-f", "json", "--joblog", log, "-w", 2, "-i", lines, stdin=subprocess.DEVNULL)
        self.wait_until(lambda: len(self.origin.events("request")) >= 8, "eight requests")
        time.sleep(1)
        self.assertLess(len(lines_of(log)), 10, "64 KiB of pipe hold seven such reports")
        read = len(process.stdout.read().splitlines())
        self.assertEqual((process.wait(60), read, len(lines_of(log))), (0, 200, 200))


@once
@unittest.skipUnless(shutil.which("strace"), "there is no strace")
class Synced(Case):
    def traced(self, *args):
        """The steps of a run, as strace saw them."""
        if sanitized():
            self.skipTest("not under this")
        command = self.command("-m", "serial", *args, "--sync", "https://a.test/ok")
        process = subprocess.run(["strace", "-s", "500", "-y", "-e", "trace=fsync,fdatasync,rename,renameat,renameat2,write", "-o", self.path("trace")]
                                 + command, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False)
        if b"ptrace" in process.stderr:
            self.skipTest("strace may not trace here")
        self.assertEqual(process.returncode, 0, process.stderr)
        return self.read("trace").decode("utf-8", "replace").splitlines()

    def test_bodies_are_on_disk_before_their_line(self):
        """--sync: the body's fsync, its rename, the directory's fsync, the line, and the journal's own."""
        out, log = self.path("out"), self.path("journal")
        steps = []
        for line in self.traced("-f", "none", "-d", out, "--joblog", log):
            if "fsync(" in line and ".tmp>" in line:
                steps.append("body on disk")
            elif line.startswith("rename") and ".tmp" in line:
                steps.append("named")
            elif "fsync(" in line and out + ">" in line:
                steps.append("directory on disk")
            elif line.startswith("write(") and log + ">" in line and "a.test" in line:
                steps.append("line")
            elif "sync(" in line and log + ">" in line:
                steps.append("line on disk")
        self.assertEqual(steps, ["body on disk", "named", "directory on disk", "line", "line on disk"])

    def test_reports_are_on_disk_before_their_line(self):
        out, log = self.path("out"), self.path("journal")
        steps = []
        for line in self.traced("-f", "json", "-o", out, "--joblog", log):
            for path, name in ((out, "report"), (log, "line")):
                if path + ">" in line and line.startswith("write(") and "a.test" in line:
                    steps.append(name)
                elif path + ">" in line and "sync(" in line and steps:
                    steps.append(name + " on disk")
        self.assertEqual([s for i, s in enumerate(steps) if i == 0 or s != steps[i - 1]][:4], ["report", "report on disk", "line", "line on disk"])
