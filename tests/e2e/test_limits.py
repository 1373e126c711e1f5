"""A thousand workers, few descriptors, few processes, half a gigabyte."""
import os
import re
import resource
import subprocess
import threading

from harness import FULL, Case, POOLS, SLOW, children, memory_kb, once, sanitized


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

    def test_few_processes(self):
        if os.geteuid() == 0 and not os.path.exists("/usr/bin/setpriv"):
            self.skipTest("root has no limit on processes, and there is no setpriv")
        prefix = ["setpriv", "--reuid=daemon", "--regid=daemon", "--clear-groups"] if os.geteuid() == 0 else []
        os.chmod(self.tmp, 0o777)
        for mode in self.each_mode(POOLS):
            with self.subTest(mode=mode):
                process = subprocess.run(
                    prefix + self.command("-m", mode, "-w", 200, "-f", "json"), input=b"https://a.test/ok\n" * 300, capture_output=True,
                    timeout=120, check=False, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NPROC, (40, 40)))
                self.assertIn(process.returncode, (0, 2), process.stderr)
                if process.returncode == 0:
                    self.assertEqual(len(process.stdout.splitlines()), 300)

    def test_a_large_body(self):
        length = 500000000 if FULL else 100000000
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                process = self.start("-m", mode, "-f", "body", "-q", "https://a.test/bytes/%d" % length, stdout=subprocess.PIPE)
                size = 0
                while piece := os.read(process.stdout.fileno(), 1 << 20):
                    size += len(piece)
                self.assertEqual((process.wait(), size), (0, length))

    @once
    def test_a_worker_does_not_grow(self):
        """Over some thousands of fetches, of which the first hundreds fill its caches."""
        process = self.start("-m", "process", "-w", 1, "-f", "text", "-q")
        sizes = []
        for count in (500, 1500):
            lines = [("https://h%d.test/ok", "https://h%d.test/close/ok", "https://h%d.test/status/404")[i % 3] % (i % 40) for i in range(count)]
            feeder = threading.Thread(target=process.stdin.write, args=("\n".join(lines).encode() + b"\n",))
            feeder.start()
            got = b""
            while got.count(b"\n") < count:
                got += os.read(process.stdout.fileno(), 65536)
            feeder.join()
            sizes.append([memory_kb(pid, "RssAnon") for pid in children(process.pid)])
        self.assertEqual([len(s) for s in sizes], [1, 1])
        self.assertLess(sizes[1][0] - sizes[0][0], 500, sizes)
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
