"""Wrong usage: one line that says what to write instead, exit 2, nothing fetched."""
from harness import Case, once


@once
class Usage(Case):
    def test_unknown_options(self):
        for args in (["--frobnicate"], ["-Z"], ["--worker-count", "3"], ["-w"], ["--timeout"], ["--version=3"]):
            self.assertUsage(*args, lines=["a.test"])

    def test_a_misspelt_option_is_named(self):
        self.assertUsage("--wrokers", "3", "a.test", saying="wrokers")

    def test_options_behind_targets(self):
        self.assertEqual(self.json("https://a.test/ok", "-w", 2).kinds, ["ok"])

    def test_two_dashes_end_options(self):
        self.assertEqual(self.json("--", "-w", "https://a.test/ok").kinds[1], "ok")

    def test_equal_signs_and_abbreviations(self):
        self.assertEqual(self.json("--workers=2", "--timeout=5", "https://a.test/ok").kinds, ["ok"])

    def test_contradictions(self):
        for args in (["-f", "body", "-o", self.path("o"), "--resume", "--joblog", self.path("j")], ["--resume"],
                     ["--resume-failed"], ["-m", "thread", "--sandbox", "require"], ["-m", "serial", "--sandbox", "require"],
                     ["--sandbox", "maybe"], ["--path", "no-slash"], ["--path", "/a b"], ["--path", "/a\r\nX: y"], ["--max-redirs", "-1"],
                     ["--user", "no-such-user-at-all"], ["--per-host", "0"], ["--max-tasks-per-worker", "-1"]):
            with self.subTest(args=args):
                self.assertUsage(*args, "https://a.test/ok")

    def test_nothing_is_overwritten(self):
        path = self.write("precious", b"precious")
        self.assertUsage("-o", path, "-w", "0", "a.test")
        self.assertEqual(self.read("precious"), b"precious")

    def test_dry_run(self):
        self.origin.events_clear()
        result = self.run_with("--dry-run", lines=["a.test", "# no", "", "b.test:444", "https://c.test/x"])
        self.assertEqual(result.out.decode().splitlines(), ["a.test", "b.test:444", "https://c.test/x"])
        self.assertEqual((result.status, self.origin.events("open")), (0, []))

    def test_config(self):
        path = self.write("config", '# a comment\nworkers = 3\n--format json\nheader = "X-One: a b"\nuser-agent: me\nfail\n\n-w 2\n')
        self.origin.events_clear()
        result = self.run_with("--config", path, "https://a.test/status/404")
        self.assertEqual([r["error"]["kind"] for r in result.reports], ["http-status"])
        headers = {n.lower(): v for n, v in self.origin.events("request")[0]["headers"]}
        self.assertEqual((headers["x-one"], headers["user-agent"]), ("a b", "me"))

    def test_config_that_cannot_be_read(self):
        self.assertUsage("--config", self.path("none"), "a.test", saying="none")
        result = self.assertUsage("--config", self.write("bad", "workers = 2\nfrobnicate = 1\n"), "a.test", saying="bad")
        self.assertIn("2", result.err)
        self.assertUsage("--config", self.write("bad", "workers = \n"), "a.test", saying="bad")

    def test_the_command_line_before_the_config(self):
        path = self.write("config", "format = text\n")
        self.assertTrue(self.run_with("--config", path, "-f", "json", "https://a.test/ok").out.startswith(b"{"))
