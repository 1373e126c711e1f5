"""Constant memory: long lists, a long line, many workers' output, large bodies."""
import io
import os
import subprocess
import threading
import time

from harness import Case, POOLS, memory_kb, once, sanitized


class Memory(Case):
    def setUp(self):
        super().setUp()
        if sanitized():
            self.skipTest("figures say nothing here")

    def peak_after(self, process, chunks, marks):
        """Writes chunks of lines and reads reports; the parent's peak in KB when so many reports were read."""
        got, peaks = [0], {}
        enough = threading.Event()

        def read():
            for _ in io.BufferedReader(process.stdout, 1 << 16):
                got[0] += 1
                if got[0] in marks:
                    peaks[got[0]] = memory_kb(process.pid, "VmHWM")
                if got[0] == max(marks):
                    enough.set()

        reader = threading.Thread(target=read)
        reader.start()
        for chunk in chunks:
            process.stdin.write(chunk)
        process.stdin.flush()
        self.assertTrue(enough.wait(300), "reports are missing")
        process.stdin.close()
        process.stdin = None
        reader.join(60)
        self.assertEqual(process.wait(60), 1)
        return peaks

    @once
    def test_bad_lines(self):
        for form in ("text", "json"):
            for order in ("completion", "input"):
                process = self.start("-f", form, "--order", order, "-q")
                chunks = (b"".join(b"bad line %d\n" % (i * 1000 + j) for j in range(1000)) for i in range(200))
                peaks = self.peak_after(process, chunks, (50000, 200000))
                self.assertLess(peaks[200000] - peaks[50000], 1024, (form, order, peaks))

    def test_fetches_that_fail_fast(self):
        for mode in self.each_mode(POOLS):
            process = self.start("-m", mode, "-w", 4, "-q", "-t", 5)
            chunks = (b"".join(b"https://127.0.0.%d:1/%d\n" % (9 + j % 90, i * 1000 + j) for j in range(1000)) for i in range(40))
            peaks = self.peak_after(process, chunks, (10000, 40000))
            self.assertLess(peaks[40000] - peaks[10000], 512, (mode, peaks))

    def toward(self):
        return ["--connect-to", ":443:127.0.0.1:%d" % self.origin.https]

    @once
    def test_fetches_from_many_hosts(self):
        process = self.start("-m", "process", "-w", 4, "-q", "-f", "json", "--per-host", 2)
        chunks = (b"".join(b"https://n%d.test/ok\n" % (i * 500 + j) for j in range(500)) for i in range(8))
        chunks = [c for c in chunks] + [b"bad\x01line\n"]
        peaks = self.peak_after(process, chunks, (1000, 4000))
        self.assertLess(peaks[4000] - peaks[1000], 1500, peaks)

    @once
    def test_one_line_without_end(self):
        process = self.start("-f", "json", "-q")
        piece = b"x" * (1 << 20)
        for i in range(300):
            process.stdin.write(piece)
            if i == 20:
                early = memory_kb(process.pid, "VmHWM")
        late = memory_kb(process.pid, "VmHWM")
        process.stdin.write(b"\nhttps://a.test/ok\n")
        result = self.finish(process)
        self.assertEqual(result.kinds, ["invalid-target", "ok"])
        self.assertLess(late - early, 512)

    def test_bodies_that_wait_for_their_turn(self):
        """With the first held back and nobody reading, memory stays bounded whatever the others bring."""
        for mode in self.each_mode(POOLS):
            lines = ["https://first.test/delay/1500/bytes/10"] + ["https://h%d.test/bytes/20000000/x" % i for i in range(16)]
            process = self.start("-m", mode, "-w", 8, "-f", "body", "-q", stdout=open(os.devnull, "wb"))
            process.stdin.write("\n".join(lines).encode() + b"\n")
            process.stdin.close()
            process.stdin = None
            peak = 0
            while process.poll() is None:
                try:
                    peak = max(peak, memory_kb(process.pid, "VmHWM"))
                except OSError:
                    break
            self.assertEqual(process.wait(), 0)
            self.assertLess(peak, 120000, mode)

    @once
    def test_reports_that_wait_for_their_turn(self):
        """No more is read while those that wait behind the first hold as much as they may."""
        process = self.start("-f", "json", "--order", "input", "-q", "-w", 2, "-t", 60, stdout=subprocess.DEVNULL)
        process.stdin.write(b"https://first.test/stall/5/bytes/9\n")
        line = b"\x01" * 8000 + b"\n"  # each byte is six of JSON
        feeder = threading.Thread(target=self.feed, args=(process, line * 5000))
        feeder.start()
        peak, still = 0, 0
        while still < 10:  # until it has taken all that it wants
            before, peak = peak, memory_kb(process.pid, "VmHWM")
            still = still + 1 if peak == before and peak > 50000 else 0
            time.sleep(0.05)
        process.kill()
        feeder.join(20)
        self.assertLess(peak, 110000)

    def feed(self, process, data):
        try:
            process.stdin.write(data)
        except BrokenPipeError:
            pass

    @once
    def test_a_reader_that_stops(self):
        process = self.start("-m", "process", "-w", 8, "-f", "json", "-t", 5)
        feeder = threading.Thread(target=lambda: (process.stdin.write(b"https://a.test/header/X/%s/ok\n" % (b"y" * 2000) * 20000)))
        feeder.daemon = True
        feeder.start()
        time.sleep(4)
        peak = memory_kb(process.pid, "VmHWM")
        self.assertLess(peak, 60000)
        process.kill()
        feeder.join(10)
