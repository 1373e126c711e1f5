"""The order of reports and bodies, and that bodies never mix."""
from harness import Case, POOLS, pattern


class Order(Case):
    def test_completion_is_the_default_of_reports(self):
        for mode in self.each_mode(POOLS):
            with self.subTest(mode=mode):
                for form in ("text", "json"):
                    result = self.run_with("-m", mode, "-w", 4, "-f", form, "https://a.test/gate/2/%s%s/delay/300/text/late"
                                           % (mode, form), "https://b.test/text/early",
                                           "https://c.test/gate/2/%s%s/text/x" % (mode, form))
                    self.assertIn(b"late", result.out.splitlines()[-1])

    def test_reports_in_order_of_input(self):
        lines = ["https://h%d.test/delay/%d/text/x" % (i, (7 * i) % 40) for i in range(60)]
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                for form in ("text", "json"):
                    result = self.run_with("-m", mode, "-w", 16, "-f", form, "--order", "input", lines=lines)
                    at = [result.out.find(line.split("/delay")[0].encode() + b"/") for line in lines]
                    self.assertEqual(at, sorted(at))
                    self.assertNotIn(-1, at)

    def test_bad_lines_keep_their_place(self):
        lines = ["https://a.test/delay/200/ok", "bad line", "https://b.test/ok", "x:y:z", "c.test"]
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                result = self.json("-m", mode, "-w", 4, "--order", "input", lines=lines)
                self.assertEqual([r["index"] for r in result.reports], [1, 2, 3, 4, 5])

    def test_bodies_in_order_and_whole(self):
        sizes = [0, 10, 70000, 300000, 1100000, 5, 2500000, 900000] * 5
        lines = ["https://h%d.test/delay/%d/bytes/%d/s%d" % (i % 7, (i * 13) % 30, size, i)
                 for i, size in enumerate(sizes)]
        want = b"".join(pattern(size, "s%d" % i) for i, size in enumerate(sizes))
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                result = self.run_with("-m", mode, "-w", 8, "-f", "body", lines=lines)
                self.assertEqual(result.status, 0, result.err)
                self.assertTrue(result.out == want, "bodies are not those of the list in its order")

    def test_bodies_by_completion_never_mix(self):
        sizes = [1000 + (i * 7919) % 400000 for i in range(60)]
        lines = ["https://h%d.test/chunked/5000/bytes/%d/s%d" % (i % 7, size, i) for i, size in enumerate(sizes)]
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                result = self.run_with("-m", mode, "-w", 8, "-f", "body", "--order", "completion", lines=lines)
                rest, at, seen = result.out, 0, set()
                while at < len(rest):
                    seed = rest[at + 17:at + 32].split()[0].decode()
                    number = int(seed[1:])
                    self.assertNotIn(number, seen)
                    seen.add(number)
                    self.assertTrue(rest[at:at + sizes[number]] == pattern(sizes[number], seed), seed)
                    at += sizes[number]
                self.assertEqual(len(seen), 60)

    def test_bodies_at_the_edges_of_records_and_of_what_is_kept(self):
        sizes = [0, 1, 16383, 16384, 16385, 65535, 65536, 65537, (1 << 20) - 1, 1 << 20, (1 << 20) + 1]
        lines = ["https://h%d.test%s/bytes/%d/e%d" % (i, form, size, i)
                 for form in ("", "/chunked/5000", "/eof") for i, size in enumerate(sizes)]
        want = b"".join(pattern(size, "e%d" % i) for i, size in enumerate(sizes)) * 3
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                result = self.run_with("-m", mode, "-w", 6, "-f", "body", "-t", 30, lines=lines)
                self.assertEqual(result.status, 0, result.err)
                self.assertTrue(result.out == want)

    def test_a_dripping_body_first_in_order(self):
        """The first body is slow, the others are large: they wait, in bounded memory, and the run ends."""
        lines = ["https://a.test/drip/100/20/bytes/5000/slow"]
        lines += ["https://h%d.test/bytes/3000000/b%d" % (i, i) for i in range(12)]
        want = pattern(5000, "slow") + b"".join(pattern(3000000, "b%d" % i) for i in range(12))
        for mode in self.each_mode(POOLS):
            with self.subTest(mode=mode):
                result = self.run_with("-m", mode, "-w", 4, "-f", "body", lines=lines)
                self.assertTrue(result.out == want)

    def test_a_retry_of_the_first_while_the_others_wait(self):
        """With all workers holding bodies that wait for their turn, the first target's retry still finds one."""
        for mode in self.each_mode(POOLS):
            with self.subTest(mode=mode):
                lines = ["https://a.test/flaky/2/503/%s/text/first" % mode]
                lines += ["https://h%d.test/bytes/3000000/b%d" % (i, i) for i in range(8)]
                want = b"first" + b"".join(pattern(3000000, "b%d" % i) for i in range(8))
                result = self.run_with("-m", mode, "-w", 4, "-f", "body", "--retry", 3, "--retry-delay", 0.3, lines=lines)
                self.assertEqual(result.status, 0, result.err)
                self.assertTrue(result.out == want)

    def test_a_retry_of_the_first_while_memory_is_full(self):
        """What waits behind it fills all memory for that: the first, which brings it on its way, starts all the same."""
        for mode in self.each_mode(POOLS):
            with self.subTest(mode=mode):
                lines = ["https://a.test/flaky/1/503/full%s/text/first" % mode]
                lines += ["https://h%d.test/bytes/1000000/b%d" % (i % 7, i) for i in range(90)]
                want = b"first" + b"".join(pattern(1000000, "b%d" % i) for i in range(90))
                result = self.run_with("-m", mode, "-w", 4, "-f", "body", "--retry", 1, "--retry-delay", 3, lines=lines, timeout=60)
                self.assertEqual(result.status, 0, result.err)
                self.assertTrue(result.out == want)

    def test_unknown_order(self):
        self.assertUsage("--order", "random", "a.test", saying="completion")
