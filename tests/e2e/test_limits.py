"""A thousand workers, few descriptors, few processes, half a gigabyte."""
import json
import os
import re
import resource
import subprocess
import threading

from harness import FULL, Case, POOLS, SLOW, children, kind, memory_kb, modes, once, sanitized


def descriptors(count):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, count), count))


class Limits(Case):
    def setUp(self):
        super().setUp()
        if sanitized() or SLOW > 1:
            self.skipTest("too slow here")

    def test_many_in_flight(self):
        for mode in self.each_mode(POOLS):
            with self.subTest(mode=mode):
                count = 1024 if FULL else 320  # descriptors above 1,023 in both
                lines = ["https://h%d.test/gate/%d/%s/text/x" % (i, count, mode) for i in range(count)]
                result = self.json("-m", mode, "-w", count, "-t", 90, "--max-time", 100, "--connect-timeout", 90, lines=lines, timeout=200)
                self.assertEqual({k: result.kinds.count(k) for k in set(result.kinds)}, {"ok": count}, result.err)
                self.assertEqual({r["worker"] for r in result.reports}, set(range(1, count + 1)))

    def test_few_descriptors(self):
        for mode in self.each_mode(POOLS):
            with self.subTest(mode=mode):
                for count in (64, 300):
                    result = self.json("-m", mode, "-w", 1000, lines=["https://h%d.test/ok" % (i % 20) for i in range(150)],
                                       preexec_fn=descriptors(count))
                    self.assertEqual((result.status, set(result.kinds), len(result.reports)), (0, {"ok"}, 150), result)
                    fewer = re.search(r"^pfetch: (\d+) workers instead of 1000: the limit of open files is %d" % count, result.err)
                    self.assertTrue(fewer, result)
                    self.assertNotIn("could be started", result.err)
                    self.assertLessEqual({r["worker"] for r in result.reports}, set(range(1, int(fewer.group(1)) + 1)))

    def test_hardly_any_descriptors(self):
        """Idle connections leave room for the next: no server is blamed for the lack."""
        for count in (24, 40):
            lines = ["http://h%d.test/ok" % (i % 30) for i in range(60)]
            result = self.json("-w", 4, "--connect-to", "::127.0.0.1:%d" % self.origin.http, base=False, lines=lines, preexec_fn=descriptors(count))
            self.assertEqual((result.status, set(result.kinds), len(result.reports)), (0, {"ok"}, 60), result)

    @modes("thread")
    def test_few_addresses(self):
        """Under ulimit -v threads share what malloc takes of them."""
        lines = ["http://h%d.test/ok" % (i % 30) for i in range(300)]
        result = self.json("-w", 100, "--connect-to", "::127.0.0.1:%d" % self.origin.http, base=False, lines=lines,
                           preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20)))
        self.assertEqual((result.status, set(result.kinds), len(result.reports)), (0, {"ok"}, 300), result)

    @modes(*POOLS)
    def test_few_processes(self):
        """A plain user, whom nobody else here is: fewer workers, said once, and all is done; with none at all, all is reported."""
        if os.geteuid() != 0 or not os.path.exists("/usr/bin/setpriv"):
            self.skipTest("needs root, for a user of its own, and setpriv")
        os.chmod(self.tmp, 0o777)
        for most, kinds in ((40, {"ok"}), (1, {"worker-died"})):
            user = 300000 + os.getpid()
            command = ["setpriv", "--reuid=%d" % user, "--regid=%d" % user, "--clear-groups"] + self.command("-w", 200, "-f", "json")
            process = subprocess.run(command, input=b"https://a.test/delay/100/ok\n" * 300, capture_output=True, timeout=120, check=False,
                                     preexec_fn=lambda m=most: resource.setrlimit(resource.RLIMIT_NPROC, (m, m)))
            self.assertEqual(process.stderr.count(b" of 200 workers could be started"), 1, process.stderr)
            reports = [json.loads(line) for line in process.stdout.splitlines()]
            self.assertEqual((process.returncode, len(reports), {kind(r) for r in reports}), (int(most == 1), 300, kinds), process.stderr)

    def test_a_large_body(self):
        length = 500000000 if FULL else 100000000
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                process = self.start("-m", mode, "-f", "body", "-q", "https://a.test/bytes/%d" % length, stdout=subprocess.PIPE)
                size = 0
                while piece := os.read(process.stdout.fileno(), 1 << 20):
                    size += len(piece)
                self.assertEqual((process.wait(), size), (0, length))

    def grown(self, process, scheme, *counts):
        """Feeds so many lines again and again, and reads their reports; a worker's memory in KB after each."""
        kinds = ("ok", "close/ok", "status/404", "redirect/302/1/ok")
        for count in counts:
            lines = ["%s://h%d.test/%s" % (scheme, i % 40, kinds[i % 4]) for i in range(count)]
            feeder = threading.Thread(target=process.stdin.write, args=("\n".join(lines).encode() + b"\n",))
            feeder.start()
            got = 0
            while got < count:
                got += os.read(process.stdout.fileno(), 65536).count(b"\n")
            feeder.join()
            yield [memory_kb(pid, "RssAnon") for pid in children(process.pid)]

    @once
    def test_a_worker_does_not_grow(self):
        """Over some thousands of fetches, of which the first hundreds fill its caches: over TLS, and without, where a
        hundred bytes a fetch show."""
        for port, first, more, most in ((self.origin.https, 400, 800, 400), (self.origin.http, 800, 20000 if FULL else 3000, 100)):
            process = self.start("-w", 1, "-f", "text", "-q", "-L", *self.trust(), "--connect-to", "::127.0.0.1:%d" % port, base=False)
            sizes = list(self.grown(process, "https" if port == self.origin.https else "http", first, more))
            self.assertEqual([len(s) for s in sizes], [1, 1])
            self.assertLess(sizes[1][0] - sizes[0][0], most, sizes)
            process.stdin.close()
            process.stdin = None
            self.finish(process)

    def test_many_fetches_in_one_worker(self):
        count = 20000 if FULL else 1500
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                result = self.json("-m", mode, "-w", 1, lines=["https://h%d.test/ok" % (i % 10) for i in range(count)])
                self.assertEqual(set(result.kinds), {"ok"})
                self.assertEqual(len(result.reports), count)
