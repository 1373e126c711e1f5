"""What a worker holds: its own two pipes and its sockets, nothing inherited; and no growth over many fetches."""
import os

from harness import Case, children, once


class Descriptors(Case):
    def held(self, pid):
        found = {}
        for name in os.listdir("/proc/%d/fd" % pid):
            try:
                found[int(name)] = os.readlink("/proc/%d/fd/%s" % (pid, name))
            except OSError:
                pass
        return found

    @once
    def test_nothing_inherited(self):
        self.origin.events_clear()
        secret = os.open(self.write("secret", "x"), os.O_RDONLY)
        read, write = os.pipe()
        process = self.start("-m", "process", "-w", 6, "-t", 60, "-f", "json", "-o", self.path("out"), "-d", self.path("dir"),
                             pass_fds=(secret, read, write))
        process.stdin.write("".join("https://h%d.test/stall/5/bytes/9\n" % i for i in range(6)).encode())
        process.stdin.flush()
        self.wait_until(lambda: len(self.origin.events("request")) >= 6, "six fetches in flight")
        pipes = {}
        for pid in children(process.pid):
            held = self.held(pid)
            for fd in (0, 1, 2):
                self.assertEqual(held.pop(fd), "/dev/null")
            targets = list(held.values())
            self.assertNotIn(self.path("secret"), targets)
            self.assertNotIn(self.path("out"), targets)
            self.assertEqual([t for t in targets if t.startswith(self.dir)], [])
            own = [t for t in targets if t.startswith("pipe:")]
            self.assertEqual(len(own), 2, held)
            for t in own:
                self.assertNotIn(t, pipes)
                pipes[t] = pid
            others = [t for t in targets if not t.startswith(("pipe:", "socket:", "anon_inode:"))]
            self.assertEqual(others, [], held)
            self.assertLessEqual(len([t for t in targets if t.startswith("socket:")]), 4)
        os.close(secret)
        os.close(read)
        os.close(write)
        process.terminate()
        self.finish(process)

    def test_no_growth(self):
        for mode in self.each_mode(["process", "thread"]):
            with self.subTest(mode=mode):
                process = self.start("-m", mode, "-w", 2, "-f", "json", "--retry", 0)
                counts = []
                for _ in range(7):
                    for i in range(150):
                        target = ("https://h%d.test/ok" % i, "expired.test", "reset-%d.test" % i, "https://k.test/close/ok",
                                  "https://a.test/truncate/1/bytes/5")[i % 5]
                        process.stdin.write(target.encode() + b"\n")
                    process.stdin.flush()
                    for i in range(150):
                        self.assertTrue(process.stdout.readline())
                    pids = children(process.pid) if mode == "process" else []
                    counts.append(max(len(self.held(p)) for p in pids + [process.pid]))
                self.assertLessEqual(counts[-1], counts[3] + 4, counts)  # by then each keeps as many connections as it ever will
                process.stdin.close()
                process.stdin = None
                self.finish(process)
