"""Every wait is bounded, and by the right limit."""
import time

from harness import Case


class Timeouts(Case):
    def timed(self, *args, least, most, **more):
        start = time.monotonic()
        report = self.fetch(*args, **more)
        took = time.monotonic() - start
        self.assertGreaterEqual(took, least)
        if most:
            self.assertLess(took, most + 20, "far over the limit")
        return report

    def test_silence_at_each_phase(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                for target, phase in (("silent.test", "tls"), ("halfhello.test", "tls"), ("silentafter.test", "headers"),
                                      ("https://a.test/script?wait:20000", "headers"),
                                      ("https://a.test/script?send:HTTP/1.1;wait:20000", "headers"),
                                      ("https://a.test/stall/5/bytes/10", "body"),
                                      ("https://a.test/chunked/5/stall/5/bytes/10", "body"),
                                      ("https://a.test/eof/stall/5/bytes/10", "body")):
                    report = self.timed(target, "-m", mode, "-t", 0.4, least=0.4, most=0.4)
                    self.assertKind(report, "timeout", phase)

    def test_a_drip_is_no_silence(self):
        report = self.fetch("https://a.test/drip/10/100/bytes/100", "-t", 0.8)
        self.assertKind(report, "ok")

    def test_max_time_ends_a_drip(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                report = self.timed("https://a.test/drip/1/50/bytes/10000", "-m", mode, "--max-time", 0.7, least=0.7, most=0.7)
                self.assertKind(report, "timeout", "body")

    def test_max_time_ends_a_dripping_head(self):
        report = self.timed("https://a.test/script?send:HTTP/1.1%20200%20OK%0D%0A;drip:50:" + "X" * 1000, "--max-time", 0.7,
                            least=0.7, most=0.7)
        self.assertKind(report, "timeout", "headers")

    def test_max_time_holds_for_all_redirects_together(self):
        report = self.timed("https://a.test/delay/300/redirect/302?to=/delay/300/redirect/302%3Fto=/delay/300/ok", "-L",
                            "--max-time", 0.7, least=0.7, most=0.7)
        self.assertKind(report, "timeout")

    def test_max_time_excludes_retries(self):
        report = self.fetch("https://a.test/flaky/3/503/maxtime/delay/200/ok", "--retry", 3, "--retry-delay", 0.3,
                            "--max-time", 1)
        self.assertKind(report, "ok")
        self.assertEqual(report["attempts"], 4)

    def test_connect_timeout_bounds_the_handshake(self):
        report = self.timed("silent.test", "--connect-timeout", 0.4, "-t", 10, least=0.4, most=0.4)
        self.assertKind(report, "timeout", "tls")

    def test_connect_timeout_does_not_bound_the_rest(self):
        self.assertKind(self.fetch("https://a.test/delay/900/ok", "--connect-timeout", 0.5), "ok")

    def test_a_slow_reader_costs_nobody_time(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                process = self.start("-m", mode, "-w", 4, "-t", 1, "--max-time", 2, "-f", "body",
                                     *["https://h%d.test/bytes/4000000/x" % i for i in range(6)])
                time.sleep(4)
                result = self.finish(process)
                self.assertEqual((result.status, len(result.out)), (0, 24000000), result.err)

    def test_bad_numbers(self):
        for option in ("-t", "--connect-timeout", "--max-time", "--retry-delay"):
            for bad in ("x", "-1", "", "1s", "nan", "inf", "1e99"):
                self.assertUsage(option, bad, "a.test")
