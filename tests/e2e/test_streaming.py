"""A line at a time: a report appears before the next line is written; bodies while they come."""
import os
import time

from harness import Case


class Streaming(Case):
    def test_a_report_before_the_next_line(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                for form in ("text", "json"):
                    for order in ("completion", "input"):
                        process = self.start("-m", mode, "-w", 4, "-f", form, "--order", order)
                        for i in range(15):
                            process.stdin.write(b"https://h%d.test/ok\n" % i)
                            process.stdin.flush()
                            line = process.stdout.readline()
                            self.assertIn(b"https://h%d.test/ok" % i, line)
                            time.sleep(0.1 if i < 3 else 0.01)
                        self.finish(process)

    def test_bad_lines_too(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                process = self.start("-m", mode)
                for i in range(5):
                    process.stdin.write(b"bad line %d\n" % i)
                    process.stdin.flush()
                    self.assertIn(b"bad line %d" % i, process.stdout.readline())
                self.finish(process)

    def test_half_a_line_waits(self):
        process = self.start("-f", "text")
        process.stdin.write(b"https://a.te")
        process.stdin.flush()
        time.sleep(0.3)
        process.stdin.write(b"st/ok\nhttps://b.test/ok\n")
        process.stdin.flush()
        lines = {process.stdout.readline().split(b"\t")[3] for _ in range(2)}
        self.assertEqual(lines, {b"https://a.test/ok", b"https://b.test/ok"})
        self.finish(process)

    def test_a_body_while_it_comes(self):
        """More than 1 MiB has come and the rest is held back: the first part must be there already."""
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                process = self.start("-m", mode, "-f", "body", "-t", 30, "https://a.test/stall/6000000/bytes/9000000")
                got = 0
                while got < 3000000:
                    piece = os.read(process.stdout.fileno(), 1 << 16)
                    self.assertTrue(piece)
                    got += len(piece)
                process.terminate()
                self.finish(process)

    def test_output_file_too(self):
        path = self.path("out")
        process = self.start("-o", path)
        process.stdin.write(b"https://a.test/ok\n")
        process.stdin.flush()
        self.wait_until(lambda: os.path.exists(path) and os.path.getsize(path) > 0, "the report is in the file")
        self.finish(process)
