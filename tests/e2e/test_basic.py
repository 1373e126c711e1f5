"""One of everything: a page in each mode and format, and what the program says of itself."""
from harness import Case, once, pattern


class Basic(Case):
    def test_a_page_in_each_mode(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                result = self.run_with("-m", mode, "-f", "body", "https://a.test/bytes/5000/x")
                self.assertEqual(result.status, 0, result)
                self.assertEqual(result.out, pattern(5000, "x"))

    def test_a_list_in_each_mode(self):
        lines = ["host%d.test" % i for i in range(40)]
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                result = self.json("-m", mode, "--workers", 4, lines=lines)
                self.assertEqual(result.status, 0, result)
                reports = sorted(result.reports, key=lambda r: r["index"])
                self.assertEqual([r["target"] for r in reports], lines)
                self.assertEqual([r["index"] for r in reports], list(range(1, 41)))
                self.assertTrue(all(r["status"] == 200 and r["bytes"] == 6 for r in reports))

    def test_a_failure_exits_1(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                result = self.json("-m", mode, "https://a.test/ok", "https://expired.test/")
                self.assertEqual(result.status, 1, result)
                self.assertEqual(result.kinds, ["ok", "certificate"])

    @once
    def test_version(self):
        for letter in ("-V", "--version"):
            result = self.run_with(letter, base=False)
            self.assertEqual(result.status, 0, result)
            self.assertRegex(result.out.decode(), r"\Apfetch \d")
            self.assertIn("OpenSSL", result.out.decode())
            self.assertEqual(result.err, "")

    @once
    def test_help_fits_two_screens(self):
        for letter in ("-h", "--help"):
            result = self.run_with(letter, base=False)
            self.assertEqual(result.status, 0, result)
            lines = result.out.decode().splitlines()
            self.assertLessEqual(len(lines), 100)
            self.assertLessEqual(max(len(line) for line in lines), 80)
            for option in ("--workers", "--mode", "--output-dir", "--timeout", "--cacert", "--retry"):
                self.assertIn(option, result.out.decode())

    def test_empty_list(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                result = self.json("-m", mode, data=b"")
                self.assertEqual((result.status, result.out), (0, b""), result)
