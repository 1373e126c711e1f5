"""INT, TERM, HUP, PIPE, USR1, stop and continue, in each mode."""
import fcntl
import json
import os
import pty
import random
import re
import signal
import subprocess
import sys
import termios
import time

from harness import FULL, Case, SLOW, children, kind, once, script, session_pids, stat_fields


def waiting(fd):
    """Bytes in a pipe."""
    return int.from_bytes(fcntl.ioctl(fd, termios.FIONREAD, bytes(4)), sys.byteorder)


def be_a_shell(command, tell, go):
    """In a session's leader: runs a job in the foreground, tells of its stop and its end, lets it go on when asked."""
    try:
        job = os.fork()
        if job == 0:
            os.setpgid(0, 0)
            os.execvp(command[0], command)
        while os.getpgid(job) != job:
            time.sleep(0.001)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        os.tcsetpgrp(0, job)
        os.write(tell, b"%d" % job)
        while True:
            status = os.waitpid(job, os.WUNTRACED)[1]
            if not os.WIFSTOPPED(status):
                os.write(tell, b"%d" % os.waitstatus_to_exitcode(status))
                break
            os.tcsetpgrp(0, os.getpid())
            os.write(tell, b"stopped")
            os.read(go, 1)
            os.tcsetpgrp(0, job)
            os.killpg(job, signal.SIGCONT)
    finally:
        os._exit(0)


class Signals(Case):
    def run_held(self, mode, *args, hold=2, **more):
        """A run whose first targets hang in a server that says nothing, once all of them hang."""
        self.origin.events_clear()
        lines = ["https://h%d.test/stall/5/bytes/10" % i for i in range(hold)] + ["https://later.test/ok"] * 50
        process = self.start("-m", mode, "-w", hold, "-t", 50, "-f", "json", *args, **more)
        process.stdin.write("\n".join(lines).encode() + b"\n")
        process.stdin.close()
        process.stdin = None
        want = 1 if mode == "serial" else hold
        self.wait_until(lambda: len(self.origin.events("request")) >= want, "%d requests" % want)
        return process

    def test_the_first_ends_in_order(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                    process = self.run_held(mode)
                    process.send_signal(number)
                    result = self.finish(process, timeout=40)
                    self.assertEqual(result.status, 128 + number, result)
                    cancelled = [r for r in result.reports if kind(r) == "cancelled"]
                    self.assertGreaterEqual(len(cancelled), 1 if mode == "serial" else 2)
                    self.assertEqual(len({r["index"] for r in result.reports}), len(result.reports))
                    self.assertTrue(result.err.strip(), "the summary is missing")
                    self.assertEqual(session_pids(process.pid), [])

    def test_the_second_ends_at_once(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                process = self.run_held(mode)
                process.send_signal(signal.SIGINT)
                self.wait_until(lambda p=process: not self.pends(p, signal.SIGINT), "the first has been read")
                process.send_signal(signal.SIGINT)
                result = self.finish(process, timeout=20)
                self.assertEqual((result.status, process.returncode), (130, -signal.SIGINT), result)
                self.assertNotIn("ended by", result.err, "it took its time for a summary")
                self.wait_until(lambda: not session_pids(process.pid), "no process is left")

    def pends(self, process, number):
        with open("/proc/%d/status" % process.pid, encoding="ascii") as f:
            pending = next(line.split()[1] for line in f if line.startswith("ShdPnd:"))
        return int(pending, 16) >> (number - 1) & 1

    def test_tstp_stops(self):
        """As ^Z does: in a group that is not a session's own, or the kernel ignores it."""
        for whole in (True, False):
            lines = self.write("list", "".join("https://h%d.test/delay/30/ok\n" % i for i in range(60)))
            process = subprocess.Popen(self.command("-w", 4, "-t", 20, "-f", "json", "-i", lines), stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=os.setpgrp, bufsize=0)
            self.addCleanup(process.kill)
            process.stdout.readline()
            (os.killpg if whole else os.kill)(process.pid, signal.SIGTSTP)
            self.wait_until(lambda p=process: stat_fields(p.pid)[0] == b"T", "it is stopped")
            time.sleep(1)
            os.killpg(process.pid, signal.SIGCONT)
            out, err = process.communicate(timeout=60 * SLOW)
            self.assertEqual((process.returncode, len(out.splitlines()) >= 58), (0, True), err)
            self.assertNotIn(b"worker-died", out)

    def test_a_job_of_a_terminal(self):
        """^Z stops all of it, and "fg" lets it go on: nobody is blamed, and the terminal is as it was."""
        lines = self.write("list", "".join("https://h%d.test/delay/30/ok\n" % i for i in range(60)))
        out, (told, tell), (go, let_go) = self.path("out"), os.pipe(), os.pipe()
        for fd in (told, tell, go, let_go):
            self.addCleanup(os.close, fd)
        command = self.command("-w", 4, "-t", 20, "--max-time", 1 if FULL else 20, "-f", "json", "-o", out, "-i", lines)
        shell, terminal = pty.fork()
        if shell == 0:
            be_a_shell(command, tell, go)
        self.addCleanup(os.close, terminal)
        job = int(os.read(told, 100))
        self.wait_until(lambda: os.path.exists(out) and os.path.getsize(out), "reports")
        before = termios.tcgetattr(terminal)
        os.write(terminal, b"\x1a")
        self.assertEqual(os.read(told, 100), b"stopped")
        group = [p for p in session_pids(shell) if stat_fields(p)[2] == b"%d" % job]
        self.assertEqual(len(group), 5 if self.mode == "process" else 1)
        self.wait_until(lambda: {stat_fields(p)[0] for p in group} == {b"T"}, "all of it is stopped")
        self.assertEqual(termios.tcgetattr(terminal), before)
        time.sleep(7 if FULL else 0.2)  # past the watchdog: one second and five
        os.write(let_go, b"!")
        self.assertIn(os.read(told, 100), (b"0", b"1"))
        seen = b""
        while True:
            try:
                seen += os.read(terminal, 65536)
            except OSError:  # nobody has it open any more
                break
        os.waitpid(shell, 0)
        with open(out, encoding="utf-8") as f:
            kinds = [kind(json.loads(line)) for line in f]
        self.assertEqual(len(kinds), 60, seen)
        self.assertLessEqual(set(kinds), {"ok", "timeout"} if FULL else {"ok"}, seen)
        self.assertEqual(seen.count(b"\x1b[?25l"), seen.count(b"\x1b[?25h"), "the cursor is hidden")

    def test_while_bytes_keep_coming(self):
        """Nobody ever waits for a server that is fast, or steady."""
        for mode in self.each_mode():
            for path in ("zeros/900000000000", "drip/10/3/bytes/200000"):
                with self.subTest(mode=mode, path=path):
                    self.origin.events_clear()
                    process = self.start("-m", mode, "-f", "json", "https://a.test/" + path)
                    self.wait_until(lambda: self.origin.events("request"), "the request")
                    time.sleep(0.5)
                    process.send_signal(signal.SIGINT)
                    began = time.monotonic()
                    result = self.finish(process, timeout=90)
                    self.assertLess(time.monotonic() - began, 8 * SLOW)
                    self.assertEqual((result.status, [kind(r) for r in result.reports]), (130, ["cancelled"]), result.err)

    def test_an_answer_that_was_to_be_tried_again(self):
        """Nothing of its body goes anywhere, so none of it counts."""
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                self.origin.events_clear()
                path = script(("send", b"HTTP/1.1 503 Busy\r\nContent-Length: 10\r\n\r\n12345"), ("wait", 1500), ("send", b"67890"))
                process = self.start("-m", mode, "-w", 1, "-t", 30, "-f", "json", "--retry", 1, "https://a.test" + path)
                self.wait_until(lambda: self.origin.events("request"), "a request")
                time.sleep(0.3)
                process.send_signal(signal.SIGTERM)
                report = self.finish(process).report
                self.assertEqual((kind(report), report["status"], report["bytes"]), ("cancelled", 503, 0), report)

    def test_a_signal_while_waiting_for_input(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                process = self.start("-m", mode, "-f", "json")
                process.stdin.write(b"https://a.test/ok\n")
                process.stdin.flush()
                self.assertIn(b'"status":200', process.stdout.readline().replace(b" ", b""))
                process.send_signal(signal.SIGTERM)
                self.assertEqual(self.finish(process).status, 143)

    def test_a_signal_at_the_very_start(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                for wait in (0, 0.005, 0.02, 0.05, 0.1):
                    process = self.start("-m", mode, "-f", "none", "-w", 8, "-i", "/dev/stdin")
                    time.sleep(wait)
                    process.send_signal(signal.SIGTERM)
                    out, err = process.communicate(b"https://a.test/ok\n" * 50, timeout=60)
                    self.assertIn(process.returncode, (143, -15), err)
                    self.wait_until(lambda p=process: not session_pids(p.pid), "no process is left")

    @once
    def test_while_a_trust_file_waits(self):
        """A FIFO that nobody writes to: no signal is held then, as for the list and the journal."""
        fifo = self.path("fifo")
        os.mkfifo(fifo)
        for args in (["--cacert", fifo], ["--cert", fifo], ["--cert", self.origin.path("client.pem"), "--key", fifo]):
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                with self.subTest(args=args, number=number):
                    process = self.start("-q", *args, "a.test", base=False)
                    time.sleep(0.2)
                    process.send_signal(number)
                    self.assertEqual(self.finish(process, timeout=10).status, 128 + number)

    def test_at_random_moments(self):
        """From before the run to behind it: what was read is reported once, nobody and nothing is left."""
        rng = random.Random(self.mode)
        lines = ["https://h%d.test/%s" % (i, ("ok", "delay/40/ok", "bytes/300000", "drip/20/5/bytes/50")[i % 4]) for i in range(24)]
        path, length = self.write("list", "\n".join(lines + ["no target"] * 4) + "\n"), 1.0
        for turn in range(14):
            out = self.path("out%d" % turn)
            process = self.start("-m", self.mode, "-w", 4, "-f", "json", "-d", out, "--joblog", self.path("journal%d" % turn), "-i", path,
                                 stdin=subprocess.DEVNULL)
            began = time.monotonic()
            time.sleep(rng.uniform(0, length) if turn else 0)
            number = rng.choice((signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP))
            with self.subTest(turn=turn, number=number):
                if process.poll() is None:
                    process.send_signal(number)
                if number == signal.SIGTSTP:
                    time.sleep(rng.uniform(0, 0.3))
                    process.send_signal(signal.SIGCONT)
                reader = process.communicate(timeout=60 * SLOW)
                length = min(length, time.monotonic() - began)
                self.assertIn(process.returncode, (1, 128 + number, -number), reader[1])
                self.wait_until(lambda p=process: not session_pids(p.pid), "no process is left", 2)
                if process.returncode == -number:
                    continue  # it had not begun yet
                reports = [json.loads(x) for x in reader[0].splitlines()]
                self.assertEqual(sorted(r["index"] for r in reports), list(range(1, len(reports) + 1)))
                self.assertIn(b"pfetch: %d target" % len(reports), reader[1])
                self.assertNotIn("worker-died", {kind(r) for r in reports})
                files = os.listdir(out) if os.path.isdir(out) else []
                self.assertEqual(len(files), sum(kind(r) == "ok" for r in reports), files)
                if process.returncode == 1:
                    self.assertEqual(len(reports), 28)

    def test_a_closed_pipe(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                for form, size in (("text", 100000), ("json", 100000), ("body", 100000), ("body", 2000000)):
                    command = self.command("-m", mode, "-w", 4, "-f", form)
                    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                               start_new_session=True)
                    process.stdout.close()
                    try:
                        process.stdin.write(b"https://a.test/bytes/%d\n" % size * 500)
                        process.stdin.close()
                    except BrokenPipeError:
                        pass
                    process.stdin = process.stdout = None
                    err = process.communicate(timeout=60)[1]
                    self.assertIn(process.returncode, (141, -13), err)
                    self.assertNotIn(b"roken pipe", err)
                    self.wait_until(lambda p=process: not session_pids(p.pid), "no process is left")

    def test_usr1_before_and_after_the_run(self):
        """Whoever asks again and again does not end it."""
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                for _ in range(20):
                    process = self.start("-m", mode, "-f", "none", "-q", "bad line")
                    self.wait_until(lambda p=process: self.is_running_pfetch(p), "it is past its loading")
                    while process.poll() is None:
                        process.send_signal(signal.SIGUSR1)
                    self.assertEqual(process.returncode, 1)
                    process.communicate()

    def is_running_pfetch(self, process):
        """Past the loader and main's first lines: USR1 is ignored or blocked."""
        try:
            with open("/proc/%d/status" % process.pid, encoding="ascii") as f:
                status = dict(line.split(":", 1) for line in f if ":" in line)
        except OSError:
            return True
        if "SigIgn" not in status:
            return True
        return (int(status["SigIgn"], 16) | int(status["SigBlk"], 16)) >> (signal.SIGUSR1 - 1) & 1 or process.poll() is not None

    def test_usr1_says_where_things_stand(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                process = self.run_held(mode, "--no-progress")
                process.send_signal(signal.SIGUSR1)
                line = process.stderr.readline().decode()
                self.assertRegex(line, r"\d")
                process.send_signal(signal.SIGTERM)
                self.assertEqual(self.finish(process).status, 143)

    def test_while_nobody_reads_standard_output(self):
        """No worker is blamed for what could not be written."""
        for mode in self.each_mode():
            for form in ("body", "json"):
                with self.subTest(mode=mode, form=form):
                    lines = self.write("list", "https://a.test/bytes/3000000\n" * 3 + "https://a.test/header/X/%s/ok\n" % ("y" * 3000) * 100)
                    read, write = os.pipe()
                    process = self.start("-m", mode, "-w", 2, "-f", form, "-i", lines, stdin=subprocess.DEVNULL, stdout=write)
                    os.close(write)
                    self.addCleanup(os.close, read)
                    self.wait_until(lambda r=read: waiting(r) > 50000, "the pipe is full")
                    process.send_signal(signal.SIGTERM)
                    err = process.communicate(timeout=60)[1].decode()
                    self.assertEqual(process.returncode, 143, err)
                    self.assertNotIn("worker-died", err)
                    if form == "body":
                        self.assertIn("cancelled", err)

    def test_the_summary_says_what_left(self):
        """Nobody reads: what is counted as ok, and what the journal says is done, is in the pipe."""
        form = {"process": "json", "thread": "text", "serial": "body"}[self.mode]
        lines = self.write("list", "https://a.test/header/X/%s/bytes/3000\n" % ("y" * 3000) * 60)
        log, (read, write) = self.path("journal"), os.pipe()
        fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 16384)
        process = self.start("-w", 2, "-f", form, "--joblog", log, "-i", lines, stdin=subprocess.DEVNULL, stdout=write)
        os.close(write)
        self.wait_until(lambda r=read: waiting(r) > 12000, "the pipe is full")
        process.send_signal(signal.SIGTERM)
        err = process.communicate(timeout=60)[1].decode()
        with open(read, "rb") as f:
            left = f.read()
        whole = len(left) // 3000 if form == "body" else left.count(b"\n")
        done = sum(not line.startswith(b"#") for line in self.read("journal").splitlines())
        said = re.search(r"(\d+) targets?: (\d+) ok, (\d+) failed \(cancelled (\d+)\).*, (\d+) bytes; ended by SIGTERM; (\d+) reports? never left$",
                         err, re.MULTILINE)
        self.assertTrue(said, err)
        targets, ok, failed, cancelled, size, lost = (int(x) for x in said.groups())
        self.assertEqual((process.returncode, ok, ok + failed, cancelled), (143, whole, targets, failed), err)
        self.assertLessEqual(done, whole)
        self.assertGreaterEqual(lost, 1)
        if form == "body":
            self.assertEqual(size, 3000 * whole, err)

    @once
    def test_halting_waits_for_a_slow_reader(self):
        """Each target that was read has its report, however late it is read; only a signal ends the wait."""
        lines = self.write("list", "no target %s\n" % ("y" * 200) * 40)
        read, write = os.pipe()
        fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
        process = self.start("-f", "json", "--halt", "now,fail=30", "-i", lines, stdin=subprocess.DEVNULL, stdout=write)
        os.close(write)
        time.sleep(2.5)
        with open(read, "rb") as f:
            reports = f.read().count(b"\n")
        err = process.communicate(timeout=60)[1].decode()
        self.assertEqual((process.returncode, reports), (1, 30), err)
        self.assertIn("pfetch: 30 targets: 0 ok, 30 failed", err)

    def test_while_nobody_reads_standard_error(self):
        for mode in self.each_mode():
            for args in (["-f", "none", "-v"], ["-f", "body", "-o", os.devnull]):
                with self.subTest(mode=mode, args=args):
                    lines = self.write("list", "https://a.test/status/404\n" * 300 + "no target\n" * 30000)
                    read, write = os.pipe()
                    process = self.start("-m", mode, "-w", 2, *args, "-i", lines, stdin=subprocess.DEVNULL, stderr=write)
                    os.close(write)
                    self.addCleanup(os.close, read)
                    self.wait_until(lambda r=read: waiting(r) > 50000, "the pipe is full")
                    process.send_signal(signal.SIGUSR1)
                    process.send_signal(signal.SIGTERM)
                    self.assertEqual(process.wait(60), 143)
                    self.wait_until(lambda p=process: not session_pids(p.pid), "no process is left")

    def test_many_notes_while_nobody_reads_them(self):
        """The grace is one for all that would still be said, not one for each."""
        lines = self.write("list", "".join("https://h%d.test/loop/60\n" % i for i in range(64)))
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        process = self.start("-w", 16, "-v", "-f", "none", "-L", "--max-redirs", 50, "-i", lines, stdin=subprocess.DEVNULL, stderr=write)
        os.close(write)
        self.wait_until(lambda: waiting(read) > 50000, "the pipe is full")
        time.sleep(1)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(20 * SLOW), 143)

    def test_hup_stays_ignored_under_nohup(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                process = self.run_held(mode, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
                process.send_signal(signal.SIGHUP)
                time.sleep(0.3)
                self.assertIsNone(process.poll())
                process.send_signal(signal.SIGTERM)
                result = self.finish(process)
                self.assertEqual(result.status, 143)
                self.assertIn("ended by SIGTERM", result.err, "HUP was the first, or TERM the second one")

    def test_workers_leave_the_signals_to_the_parent(self):
        """^C reaches the whole group: the reports come nevertheless."""
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                process = self.run_held(mode)
                os.killpg(process.pid, signal.SIGINT)
                result = self.finish(process)
                self.assertEqual(result.status, 130, result)
                self.assertNotIn("worker-died", {kind(r) for r in result.reports})
                self.assertIn("cancelled", {kind(r) for r in result.reports})

    def test_stop_and_continue(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                lines = ["https://h%d.test/delay/30/ok" % i for i in range(60)]
                process = self.start("-m", mode, "-w", 4, "-t", 2, "-f", "json")
                process.stdin.write("\n".join(lines).encode() + b"\n")
                process.stdin.flush()
                process.stdout.readline()
                os.killpg(process.pid, signal.SIGSTOP)
                time.sleep(3)
                os.killpg(process.pid, signal.SIGCONT)
                process.stdin.close()
                process.stdin = None
                result = self.finish(process)
                self.assertNotIn("worker-died", [kind(r) for r in result.reports], result)
                self.assertEqual(len(result.reports), 59)

    @once
    def test_only_the_parent_stopped(self):
        lines = ["https://h%d.test/delay/30/ok" % i for i in range(60)]
        process = self.start("-m", "process", "-w", 4, "-t", 2, "-f", "json")
        process.stdin.write("\n".join(lines).encode() + b"\n")
        process.stdin.flush()
        process.stdout.readline()
        process.send_signal(signal.SIGSTOP)
        time.sleep(4)
        process.send_signal(signal.SIGCONT)
        process.stdin.close()
        process.stdin = None
        result = self.finish(process)
        self.assertEqual([r for r in result.reports if r["error"]], [], result.err)
        self.assertEqual(result.status, 0)

    def test_a_killed_parent_leaves_nobody(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                process = self.run_held(mode, hold=8)
                if mode == "process":
                    self.wait_until(lambda p=process: len(children(p.pid)) == 8, "eight workers")
                process.kill()
                process.wait()
                self.wait_until(lambda p=process: not session_pids(p.pid), "no process is left", 10)
