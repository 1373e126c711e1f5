"""--compressed: each coding, stacked ones, broken ones, bombs."""
from harness import Case, children, kind, memory_kb, pattern, sanitized

CODINGS = ["gzip", "gzip2", "deflate", "rawdeflate", "br", "zstd"]


class Encodings(Case):
    def body(self, path, *args):
        return self.run_with("-f", "body", *args, "https://a.test/" + path)

    def test_each(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                for coding in CODINGS:
                    for size in (0, 1, 100, 70000, 3000000):
                        result = self.body("%s/bytes/%d/c" % (coding, size), "--compressed", "-m", mode)
                        self.assertEqual((result.status, len(result.out)), (0, size), (coding, result.err))
                        self.assertTrue(result.out == pattern(size, "c"), coding)

    def test_asked_for_only_with_the_option(self):
        self.origin.events_clear()
        self.body("ok")
        self.body("ok", "--compressed")
        first, second = [dict((n.lower(), v) for n, v in e["headers"]) for e in self.origin.events("request")]
        self.assertNotIn("accept-encoding", first)
        for coding in ("gzip", "deflate"):
            self.assertIn(coding, second["accept-encoding"])

    def test_unasked_for_is_delivered_as_it_came(self):
        result = self.body("gzip/bytes/100000")
        self.assertEqual(result.out[:2], b"\x1f\x8b")
        self.assertEqual(result.status, 0)

    def test_stacked(self):
        for stack in ("gzip/br", "deflate/gzip", "br/zstd", "gzip/gzip/gzip", "zstd/rawdeflate"):
            result = self.body(stack + "/bytes/50000/s", "--compressed")
            self.assertTrue(result.out == pattern(50000, "s"), (stack, result.err))

    def test_with_every_framing(self):
        for framing in ("chunked/1", "chunked/100", "eof", "drip/50/1"):
            result = self.body(framing + "/gzip/bytes/20000/f", "--compressed")
            self.assertTrue(result.out == pattern(20000, "f"), (framing, result.err))

    def test_bytes_counts_what_is_delivered(self):
        self.assertEqual(self.fetch("https://a.test/gzip/bytes/100000", "--compressed")["bytes"], 100000)

    def test_identity_and_odd_spellings(self):
        self.assertEqual(self.body("coded/identity/text/x", "--compressed").out, b"x")
        for name in ("GZIP", "x-gzip", "%20gzip%20"):
            path = "script?send:HTTP/1.1%20200%20OK%0D%0AContent-Encoding:%20" + name + "%0D%0A%0D%0A"
            import gzip
            from urllib.parse import quote
            result = self.body(path + quote(gzip.compress(b"x"), safe="") + ";close", "--compressed")
            self.assertEqual((name, result.out), (name, b"x"), result.err)

    def test_an_unknown_coding(self):
        report = self.fetch("https://a.test/coded/rot13/text/x", "--compressed")
        self.assertIn(kind(report), ("ok", "http"))

    def test_broken(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                for path in ["coded/%s/text/nonsense" % c for c in ("gzip", "br", "zstd", "deflate")] + \
                        ["%s/cutcoded/%d/bytes/50000" % (c, n) for c in CODINGS for n in (1, 5, 20)]:
                    if path.startswith("rawdeflate/cutcoded/1/"):
                        continue
                    report = self.fetch("https://a.test/" + path, "--compressed", "-m", mode)
                    self.assertIn(kind(report), ("http", "truncated"), path)
                    self.assertEqual(self.json("--compressed", "-m", mode, "https://a.test/" + path).status, 1)

    def test_broken_bodies_are_not_delivered(self):
        result = self.body("gzip/cutcoded/8/bytes/50000", "--compressed")
        self.assertEqual((result.status, result.out), (1, b""))

    def test_rubbish_behind_the_end(self):
        for coding in ("br", "deflate"):
            report = self.fetch("https://a.test/%s/junk/20/bytes/1000" % coding, "--compressed")
            self.assertIn(kind(report), ("ok", "http"))

    def test_max_size_counts_decoded_bytes(self):
        self.assertKind(self.fetch("https://a.test/gzip/zeros/100000", "--compressed", "--max-size", "100000"), "ok")
        self.assertKind(self.fetch("https://a.test/gzip/zeros/100001", "--compressed", "--max-size", "100000"), "too-large")

    def test_bombs(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                for coding in ("gzip", "gzip/gzip", "br", "zstd"):
                    report = self.fetch("https://a.test/%s/zeros/20000000" % coding, "--compressed", "--max-size", "1M", "-m", mode, "-t", 60,
                                        "--max-time", 100)
                    self.assertEqual((coding, kind(report)), (coding, "too-large"))

    def test_a_bomb_needs_no_memory(self):
        """Whoever decodes 60 MB of zeros: the worker, or with threads the program."""
        for coding in ("gzip", "br", "zstd"):
            self.origin.events_clear()
            process = self.start("-w", 1, "-f", "none", "--compressed", "https://a.test/%s/zeros/60000000" % coding,
                                 "https://b.test/stall/5/bytes/9", "-t", "60", "--max-time", "100")
            self.wait_until(lambda: any("stall" in e.get("line", "") for e in self.origin.events("request")), "the second fetch", 100)
            peaks = [memory_kb(pid, "VmHWM") for pid in [process.pid, *children(process.pid)]]
            process.terminate()
            self.finish(process)
            self.assertEqual(len(peaks), 2 if self.mode == "process" else 1)
            if not sanitized():
                self.assertLess(max(peaks), 40000, coding)

    def test_a_wide_zstd_window_is_refused(self):
        report = self.fetch("https://a.test/zstdwide/bytes/20000000", "--compressed", "--max-time", 50)
        self.assertKind(report, "http")

    def test_no_content_is_no_coded_content(self):
        self.assertKind(self.fetch("https://a.test/coded/gzip/empty", "--compressed"), "ok")
        self.assertKind(self.fetch("https://a.test/coded/gzip/status/204", "--compressed"), "ok")
