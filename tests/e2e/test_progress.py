"""The progress line on a terminal: how often, how wide, what it says, and that it never stands in a report."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

from harness import SLOW, Case, once


class Terminal:
    """A terminal as a program sees it; what it is told is kept, with the time."""

    def __init__(self, rows=24, columns=80):
        self.master, self.slave = pty.openpty()
        self.resize(rows, columns)
        self.got = []

    def resize(self, rows, columns):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, seconds):
        """Takes what comes in so many seconds."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self.master], [], [], left)[0]:
                self.got.append((time.monotonic(), os.read(self.master, 65536)))

    def read_until(self, process):
        while process.poll() is None:
            self.read(0.05)
        self.read(0.1)

    @property
    def bytes(self):
        return b"".join(data for _, data in self.got)

    @property
    def text(self):
        return self.bytes.decode()

    def close(self):
        os.close(self.master)
        os.close(self.slave)


def drawings(text):
    """Each state of the line that was drawn, without colours."""
    plain = re.sub(r"\x1b\[\d*m", "", text)
    return [line for line in re.split(r"\r\x1b\[K|\r\n", plain) if line]


def screen(text, columns):
    """The rows of a screen on which `text` was printed, as far as pfetch's means go."""
    rows, row, at = [], [" "] * columns, 0
    text = re.sub(r"\x1b\[\d*m", "", text)
    for piece in re.findall(r"\x1b\[K|\r|\n|[^\x1b\r\n]", text):
        if piece == "\x1b[K":
            row[at:] = [" "] * (columns - at)
        elif piece == "\r":
            at = 0
        elif piece == "\n":
            rows.append("".join(row).rstrip())
            row, at = [" "] * columns, 0
        else:
            row[at] = piece
            at += 1
    return rows + ["".join(row).rstrip()]


@once
class Progress(Case):
    def setUp(self):
        super().setUp()
        self.terminal = Terminal()
        self.addCleanup(self.terminal.close)

    def run_on(self, *args, stdout=None, term="xterm", env=None, **more):
        """A run with the terminal as standard error; its end is waited for."""
        process = self.begin(*args, stdout=stdout, term=term, env=env, **more)
        self.terminal.read_until(process)
        return process.returncode

    def begin(self, *args, stdout=None, term="xterm", env=None, **more):
        return self.start(*args, stderr=self.terminal.slave, stdout=stdout or open(os.devnull, "wb"), env={"TERM": term, **(env or {})},
                          **more)

    def slow_list(self, count, ms=50):
        return self.write("list", "".join("https://h%d.test/delay/%d/bytes/1000\n" % (i % 5, ms) for i in range(count)))

    def test_ten_times_a_second_at_most(self):
        begin = time.monotonic()
        self.assertEqual(self.run_on("-w", 1, "-i", self.slow_list(30)), 0)
        seconds = time.monotonic() - begin
        shown = [d for d in drawings(self.terminal.text) if "/~30" in d or "/30" in d]
        self.assertGreater(len(shown), 3)
        self.assertLessEqual(len(shown), 10 * seconds + 2)
        self.assertTrue(screen(self.terminal.text, 300)[-2].startswith("pfetch: 30 targets: 30 ok"), self.terminal.text)

    def test_steady_beside_a_file(self):
        """Reports that go to a file don't make the line come and go: it is cleared at the end only."""
        with open(self.path("out"), "wb") as out:
            self.assertEqual(self.run_on("-w", 4, "-i", self.slow_list(60), stdout=out), 0)
        self.assertEqual(len(self.read("out").splitlines()), 60)
        self.assertGreater(len(drawings(self.terminal.text)), 3)
        self.assertLessEqual(sum(data.endswith(b"\x1b[K") for _, data in self.terminal.got), 1, self.terminal.got)

    def test_what_it_says(self):
        """Done of all, as far as the file's size tells, failures, rate, bytes and the time that is left."""
        self.run_on("-w", 1, "--fail", "-i", self.write("list", "https://a.test/status/404\n" * 20 + "https://a.test/delay/50/bytes/999\n" * 20))
        self.assertRegex(self.terminal.text, r"\d+/~?\d+  (\x1b\[31m)?20 failed(\x1b\[0m)?  [\d.]+/s  [\d.]+ K?B  ETA \d+:\d\d")
        totals = [int(t) for t in re.findall(r"/~(\d+)  ", self.terminal.text)]
        self.assertTrue(all(25 <= t <= 60 for t in totals), totals)

    def test_of_a_pipe_no_total_is_known(self):
        process = self.begin("-w", 1)
        process.stdin.write(b"https://a.test/delay/100/ok\n" * 4)
        self.terminal.read(0.7 * SLOW)
        process.stdin.close()
        self.terminal.read_until(process)
        self.assertNotIn("~", self.terminal.text)

    def test_width(self):
        process = self.begin("-w", 1, "-i", self.slow_list(60))
        for columns in (80, 30, 12, 60):
            self.terminal.resize(24, columns)
            self.terminal.read(0.25 * SLOW)
            self.terminal.got.clear()
            self.terminal.read(0.5 * SLOW)
            shown = drawings(self.terminal.text)
            self.assertTrue(shown)
            self.assertLess(max(len(d) for d in shown if "pfetch" not in d), columns, (columns, shown))
        process.kill()

    def test_not_within_reports(self):
        """Standard output and standard error on one terminal: each report stands alone in its row."""
        lines = ["https://h%d.test/delay/%d/bytes/%d" % (i % 7, i % 40, i) for i in range(150)]
        for form in ("text", "json"):
            with self.subTest(form=form):
                self.terminal.got.clear()
                self.run_on("-w", 4, "-f", form, "--progress", "-i", self.write("list", "\n".join(lines)), stdout=self.terminal.slave)
                rows = screen(self.terminal.text, 5000)
                mark = re.compile(r'200\s+\d+\s+[\d.]+\s+https://\S+\s+ok\Z' if form == "text" else r'\{"schema":1,.*\}\Z')
                self.assertEqual(len([r for r in rows if mark.match(r)]), 150, rows[-3:])
                self.assertEqual([r for r in rows if r and not mark.match(r) and not r.startswith("pfetch: 150 targets")], [])

    def test_not_within_notes(self):
        self.run_on("-v", "-w", 2, "-i", self.slow_list(20))
        rows = [r for r in screen(self.terminal.text, 5000) if r]
        self.assertGreater(len(rows), 40)
        self.assertEqual([r for r in rows if not r.startswith("pfetch: ")], [])

    def test_colour(self):
        path = self.write("list", "https://a.test/status/404\n" * 3 + "https://a.test/delay/400/ok\n")
        for env, term, wanted in (({}, "xterm", True), ({"NO_COLOR": "1"}, "xterm", False), ({"NO_COLOR": ""}, "xterm", True),
                                  ({}, "dumb", False)):
            with self.subTest(env=env, term=term):
                self.terminal.got.clear()
                self.run_on("-w", 1, "--fail", "--progress", "-i", path, env=env, term=term)
                self.assertIn("3 failed", self.terminal.text)
                self.assertEqual("\x1b[31m" in self.terminal.text, wanted)
                if term == "dumb":
                    self.assertNotIn("\x1b", self.terminal.text)

    def test_when_it_is_shown(self):
        path = self.slow_list(6)
        for args, term, stdout, wanted in (
                ([], "xterm", None, True), (["--no-progress"], "xterm", None, False), ([], "dumb", None, False),
                ([], "xterm", "terminal", False), (["-o", "out"], "xterm", "terminal", True), (["-f", "none"], "xterm", "terminal", True)):
            with self.subTest(args=args, term=term, stdout=stdout):
                self.terminal.got.clear()
                self.run_on("-w", 1, *args, "-i", path, term=term, stdout=self.terminal.slave if stdout else None, cwd=self.dir)
                self.assertEqual(" failed  " in self.terminal.text.replace("0 failed in", ""), wanted, self.terminal.text)

    def test_where_there_is_no_terminal_a_line_a_second(self):
        result = self.run_with("--progress", "-w", 1, "-f", "none", "-i", self.slow_list(30))
        told = [line for line in result.err.splitlines() if "in flight" in line]
        self.assertTrue(1 <= len(told) <= 10, result)
        self.assertNotIn("\x1b", result.err)
        self.assertNotIn("\r", result.err)

    def test_a_terminal_that_takes_nothing_holds_up_nobody(self):
        process = self.begin("-w", 1, "-i", self.slow_list(30), "-q")
        termios.tcflow(self.terminal.slave, termios.TCOOFF)
        self.wait_until(lambda: process.poll() is not None, "the end")
        termios.tcflow(self.terminal.slave, termios.TCOON)
        self.assertEqual(process.returncode, 0)

    def test_status_on_demand(self):
        for mode in ("process", "thread"):
            with self.subTest(mode=mode):
                self.origin.events_clear()
                process = self.start("-v", "-m", mode, "-f", "none", "-w", 2, "https://a.test/delay/2500/ok", "https://b.test/ok")
                self.wait_until(lambda: self.origin.events("request"), "a request")
                time.sleep(1.2 * SLOW)
                process.send_signal(signal.SIGUSR1)
                result = self.finish(process)
                self.assertRegex(result.err, r"pfetch: \d/~?2 targets done, 0 failed, \d in flight, ")
                slow = [line for line in result.err.splitlines() if re.search(r"worker \d+ .*: [\d.]+ s at https://a\.test/", line)]
                self.assertEqual(len(slow), 1, result)
                self.assertNotIn("s at https://b.test", result.err)
