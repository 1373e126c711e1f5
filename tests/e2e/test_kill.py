"""Workers killed and stopped, parents killed: every target is reported, and nobody is left."""
import os
import random
import resource
import signal
import threading
import time

from harness import Case, SLOW, children, kind, once, sanitized, session_pids


@once
class Killed(Case):
    def collect(self, process, lines):
        """Feeds and reads in threads, so that the test can do its mischief meanwhile."""
        got = {}

        def feed():
            try:
                process.stdin.write("\n".join(lines).encode() + b"\n")
                process.stdin.close()
            except BrokenPipeError:
                pass

        def drain(name):
            got[name] = getattr(process, name).read()

        threads = [threading.Thread(target=feed)] + [threading.Thread(target=drain, args=(n,)) for n in ("stdout", "stderr")]
        for thread in threads:
            thread.start()
        return got, threads

    def end(self, process, got, threads, seconds=240):
        try:
            status = process.wait(seconds * SLOW)
        except Exception:
            for pid in session_pids(process.pid):
                os.kill(pid, signal.SIGKILL)
            raise
        finally:
            for thread in threads:
                thread.join(20)
        import harness
        result = harness.Result(status, got["stdout"], got["stderr"], process.pid)
        self.check_sane(result)
        return result

    def test_random_workers_every_50_ms(self):
        lines = ["https://h%d.test/delay/10/bytes/%d" % (i % 40, i % 5000) for i in range(3000)]
        process = self.start("-m", "process", "-w", 16, "-f", "json")
        got, threads = self.collect(process, lines)
        rng, kills = random.Random(7), 0
        while process.poll() is None and not (kills > 20 and not threads[0].is_alive() and not children(process.pid)):
            pids = children(process.pid)
            if pids:
                try:
                    os.kill(rng.choice(pids), signal.SIGKILL)
                    kills += 1
                except ProcessLookupError:
                    pass
            time.sleep(0.05)
        result = self.end(process, got, threads)
        reports = result.reports
        self.assertGreater(kills, 10)
        self.assertEqual(sorted(r["index"] for r in reports), list(range(1, 3001)))
        self.assertLessEqual({kind(r) for r in reports}, {"ok", "worker-died"})
        died = sum(kind(r) == "worker-died" for r in reports)
        self.assertLessEqual(died, kills)
        self.assertTrue(all(r["bytes"] == (r["index"] - 1) % 5000 for r in reports if not r["error"]))

    def test_with_retries_nothing_is_lost(self):
        lines = ["https://h%d.test/delay/10/bytes/%d" % (i % 40, i % 5000) for i in range(1000)]
        process = self.start("-m", "process", "-w", 8, "-f", "json", "--retry", 10, "--retry-delay", 0.05)
        got, threads = self.collect(process, lines)
        rng, kills = random.Random(8), 0
        while process.poll() is None and kills < 60:
            pids = children(process.pid)
            if pids:
                try:
                    os.kill(rng.choice(pids), signal.SIGKILL)
                    kills += 1
                except ProcessLookupError:
                    pass
            time.sleep(0.05)
        result = self.end(process, got, threads)
        self.assertEqual([r for r in result.reports if r["error"]], [])
        self.assertEqual(len(result.reports), 1000)

    def test_a_kill_costs_only_the_one_in_hand(self):
        """A worker dies with one fetch in hand; what would have been its next goes to another, and costs no attempt."""
        lines = ["https://h%d.test/stall/5/bytes/9" % i for i in range(2)] + ["https://x.test/ok"] * 20
        process = self.start("-m", "process", "-w", 2, "-t", 60, "-f", "json")
        got, threads = self.collect(process, lines)
        self.wait_until(lambda: len(self.origin.events("request")) >= 2, "both are in hand")
        for pid in children(process.pid):
            os.kill(pid, signal.SIGKILL)
        result = self.end(process, got, threads)
        kinds = result.kinds
        self.assertEqual(kinds, ["worker-died"] * 2 + ["ok"] * 20)
        self.assertTrue(all(r["attempts"] == 1 for r in result.reports))

    def test_workers_whose_memory_is_used_up_are_replaced(self):
        """They blame no server for it; what is tried again gets a fresh one."""
        if sanitized():
            self.skipTest("memory is not limited here")
        args = ["--user", "root"] if os.geteuid() == 0 else []
        for room in (0, 2 << 20):
            for retries in (0, 3):
                with self.subTest(room=room, retries=retries):
                    process = self.start("-m", "process", "-w", 2, "-f", "json", "--compressed", "--retry", retries, "--retry-delay", 0, *args)
                    for i in range(2):
                        process.stdin.write(b"https://a%d.test/gate/2/%d-%d/text/x\n" % (i, room, retries))
                    process.stdin.flush()
                    for _ in range(2):
                        self.assertTrue(process.stdout.readline())
                    for pid in children(process.pid):
                        with open("/proc/%d/statm" % pid, encoding="ascii") as f:
                            most = room and int(f.read().split()[0]) * resource.getpagesize() + room
                        resource.prlimit(pid, resource.RLIMIT_AS, (most, most))
                    lines = ["https://h%d.test/%s/bytes/3000000" % (i, ("gzip", "zstd", "br")[i % 3]) for i in range(24)]
                    result = self.finish(process, "\n".join(lines).encode() + b"\n")
                    self.assertEqual(sorted(r["index"] for r in result.reports), list(range(3, 27)))
                    died = [r for r in result.reports if r["error"]]
                    self.assertLessEqual(len(died), 0 if retries else 2, result)
                    for report in died:
                        self.assertEqual((kind(report), report["error"]["message"]), ("worker-died", "ran out of memory"))

    def test_stopped_workers_are_replaced(self):
        lines = ["https://h%d.test/delay/20/ok" % (i % 10) for i in range(120)]
        process = self.start("-m", "process", "-w", 4, "-t", 4, "--max-time", 5, "-f", "json")
        got, threads = self.collect(process, lines)
        stopped = self.wait_until(lambda: children(process.pid), "workers")[:2]
        for pid in stopped:
            try:
                os.kill(pid, signal.SIGSTOP)
            except ProcessLookupError:
                pass
        result = self.end(process, got, threads)
        self.assertEqual(sorted(r["index"] for r in result.reports), list(range(1, 121)))
        self.assertLessEqual(sum(bool(r["error"]) for r in result.reports), 2)
        self.wait_until(lambda: not session_pids(process.pid), "no process is left")

    def test_all_idle_workers_stopped(self):
        process = self.start("-m", "process", "-w", 3, "-t", 4, "--max-time", 5, "-f", "json")
        process.stdin.write(b"https://a.test/ok\nhttps://b.test/ok\nhttps://c.test/ok\n")
        process.stdin.flush()
        for _ in range(3):
            self.assertTrue(process.stdout.readline())
        for pid in children(process.pid):
            os.kill(pid, signal.SIGSTOP)
        result = self.finish(process, timeout=60)
        self.assertEqual(result.status, 0, result)
        self.wait_until(lambda: not session_pids(process.pid), "no process is left")

    def test_a_killed_parent_leaves_nobody_and_nothing(self):
        before = set(os.listdir("/dev/shm")) if os.path.isdir("/dev/shm") else set()
        for target in ("https://h%d.test/stall/5/bytes/9", "https://h%d.test/drip/10/20/bytes/100000", "silent-%d.test"):
            process = self.start("-m", "process", "-w", 12, "-t", 60, "-f", "json")
            process.stdin.write("".join(target % i + "\n" for i in range(50)).encode())
            process.stdin.flush()
            self.wait_until(lambda p=process: len(children(p.pid)) == 12, "twelve workers")
            process.kill()
            process.wait()
            self.wait_until(lambda p=process: not session_pids(p.pid), "no process is left", 10)
        self.assertEqual(os.listdir(self.tmp), [])
        if before:
            self.assertEqual(set(os.listdir("/dev/shm")) - before, set())

    def test_a_parent_killed_at_random_moments(self):
        rng = random.Random(9)
        for _ in range(15):
            process = self.start("-m", "process", "-w", 8, "-f", "none", lines=None)
            process.stdin.write("".join("https://h%d.test/ok\n" % i for i in range(400)).encode())
            process.stdin.flush()
            time.sleep(rng.random() * 0.3)
            process.kill()
            process.wait()
            self.wait_until(lambda p=process: not session_pids(p.pid), "no process is left", 10)

    def start(self, *args, lines=None, **more):
        return super().start(*args, **more)
