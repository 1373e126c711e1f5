"""-d: a file for each body, safe names, nothing outside, nothing unfinished."""
import os
import signal

from harness import Case, kind, pattern


class Directory(Case):
    def setUp(self):
        super().setUp()
        self.out = self.path("out")
        os.mkdir(self.out)

    def files(self):
        found = {}
        for base, _, names in os.walk(self.out):
            for name in names:
                with open(os.path.join(base, name), "rb") as f:
                    found[os.path.relpath(os.path.join(base, name), self.out)] = f.read()
        return found

    def test_bodies_of_all_sizes(self):
        sizes = [0, 1, 16383, 16384, 16385, 65535, 65536, 65537, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5000000]
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                lines = ["https://h%d.test/bytes/%d/%s%d" % (i, size, mode, i) for i, size in enumerate(sizes)]
                result = self.json("-m", mode, "-w", 3, "-d", self.out, lines=lines)
                self.assertEqual(result.status, 0, result)
                for r in result.reports:
                    i = r["index"] - 1
                    self.assertTrue(self.files()[r["file"]] == pattern(sizes[i], "%s%d" % (mode, i)), r["file"])

    def test_beside_every_format(self):
        for form in ("text", "json", "body", "none"):
            before = set(self.files())
            result = self.run_with("-f", form, "-d", self.out, "https://%s.test/text/x" % form)
            self.assertEqual(result.status, 0, result)
            new = set(self.files()) - before
            self.assertEqual(len(new), 1)
            self.assertEqual(self.files()[new.pop()], b"x")
            if form == "body":
                self.assertEqual(result.out, b"x")

    def test_the_directory_is_made(self):
        path = self.path("new")
        result = self.json("-d", path, "https://a.test/text/x")
        self.assertEqual(result.status, 0, result)
        self.assertEqual(os.listdir(path), [result.report["file"]])

    def test_two_targets_never_share_a_file(self):
        lines = ["https://a.test/text/x", "https://a.test/text/x", "https://A.test/text/x", "https://a.test/text/X",
                 "https://a.test:443/text/x", "https://a.test/text/x?", "https://a.test/text%2Fx", "https://a.test/text/x#f",
                 "https://a.test/text/x/", "https://a.test/text//x"] * 3
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                result = self.json("-m", mode, "-w", 4, "-d", self.out, lines=lines)
                names = [r["file"] for r in result.reports if not r["error"]]
                self.assertEqual(len(names), len(lines))
                self.assertEqual(len(set(n.lower() for n in names)), len(lines))

    def test_names_are_safe_and_telling(self):
        paths = ["/../../etc/passwd", "/..%2f..%2fescape", "/.", "/..", "/.hidden", "/a/b/c", "/%00", "/%0a", "/con",
                 "/aux.txt", "/" + "x" * 3000, "/a%5cb", "/~root", "/-rf", "/*?", "/%e2%80%ae.exe", "//", "/ü", "/a:b",
                 "/;touch%20x", "/$(x)", "/%2e%2e/"]
        lines = ["https://names.test" + p for p in paths]
        outside = set(os.listdir(self.dir))
        result = self.json("-d", self.out, lines=lines)
        self.assertEqual(set(os.listdir(self.dir)), outside)
        self.assertFalse(os.path.exists(self.path("escape")))
        for r in result.reports:
            if r["error"]:
                continue
            name = r["file"]
            self.assertNotIn("..", name.split("/"))
            self.assertFalse(name.startswith("/"))
            self.assertLessEqual(max(len(part.encode()) for part in name.split("/")), 255)
            self.assertTrue(all(32 < ord(c) < 127 for c in name), name)
            self.assertIn("names.test", name)
            self.assertTrue(os.path.isfile(os.path.join(self.out, name)))
            self.assertFalse(os.path.islink(os.path.join(self.out, name)))

    def test_failures_leave_no_file(self):
        lines = ["https://a.test/truncate/500/bytes/1000", "https://a.test/truncate/3000000/bytes/5000000",
                 "https://expired.test/", "https://a.test/reset/10/chunked/10/bytes/100", "bad line"]
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                result = self.json("-m", mode, "-d", self.out, lines=lines)
                self.assertEqual(result.status, 1)
                self.assertTrue(all(r["error"] and not r.get("file") for r in result.reports))
                self.assertEqual(os.listdir(self.out), [])

    def test_status_404_is_a_body_and_with_fail_none(self):
        self.assertEqual(self.json("-d", self.out, "https://a.test/status/404/text/gone").status, 0)
        self.assertEqual(list(self.files().values()), [b"gone"])
        before = self.files()
        self.assertEqual(self.json("-d", self.out, "--fail", "https://b.test/status/404/text/gone").status, 1)
        self.assertEqual(self.files(), before)

    def test_links_in_the_directory_are_not_followed(self):
        victim = self.write("victim", b"precious")
        first = self.json("-d", self.out, "https://a.test/text/x").report["file"]
        os.unlink(os.path.join(self.out, first))
        os.symlink(victim, os.path.join(self.out, first))
        self.json("-d", self.out, "https://a.test/text/x")
        self.assertEqual(self.read("victim"), b"precious")

    def test_a_run_that_is_interrupted_leaves_nothing_unfinished(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                process = self.start("-m", mode, "-f", "none", "-d", self.out,
                                     "https://a.test/stall/2000000/bytes/5000000")
                self.wait_until(lambda: os.listdir(self.out), "a temporary file")
                process.send_signal(signal.SIGTERM)
                result = self.finish(process)
                self.assertEqual(result.status, 143, result)
                self.assertEqual(os.listdir(self.out), [])

    def test_a_file_where_the_directory_should_be(self):
        self.assertUsage("-d", self.write("file", "x"), "a.test", saying="file", statuses=(2, 3))

    def test_a_directory_that_cannot_be_written(self):
        self.assertUsage("-d", "/proc/pfetch", "a.test", saying="/proc/pfetch", statuses=(2, 3))

    def test_mixed(self):
        lines = []
        for i in range(200):
            lines.append(("https://h%d.test/chunked/100/bytes/%d/t%d" % (i % 9, i * 37, i)) if i % 5
                         else "https://h%d.test/truncate/5/bytes/10" % (i % 9))
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                out = self.path("mixed-" + mode)
                result = self.json("-m", mode, "-w", 8, "-d", out, lines=lines)
                for r in result.reports:
                    i = r["index"] - 1
                    self.assertEqual(kind(r), "ok" if i % 5 else "truncated")
                    if i % 5:
                        with open(os.path.join(out, r["file"]), "rb") as f:
                            self.assertTrue(f.read() == pattern(i * 37, "t%d" % i))
                self.assertEqual(sum(len(files) for _, _, files in os.walk(out)), 160)
