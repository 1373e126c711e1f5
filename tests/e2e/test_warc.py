"""--warc: every record by a strict reader, by warcio where it is installed, cut, numbered, killed and resumed."""
import gzip
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import time
import unittest
from urllib.parse import quote

import warc_reader
from harness import TOP, Case, once, pattern, sanitized, script
from warc_reader import exchanges

WARCIO = os.environ.get("WARCIO") or os.path.join(TOP, "build", "warcio", "node_modules", "warcio")


def warcio_missing():
    if not shutil.which("node"):
        return "node is not installed"
    return None if os.path.isdir(WARCIO) else "warcio is not installed (npm install --prefix build/warcio warcio)"


def by_uri(pairs):
    found = {}
    for request, response in pairs:
        found.setdefault(response.get("WARC-Target-URI"), []).append((request, response))
    return found


class Warc(Case):
    def archive(self, *args, name="x.warc.gz", **more):
        """The exchanges of a run, by URL."""
        result = self.run_with("--warc", self.path(name), "-f", "json", *args, **more)
        return result, by_uri(exchanges(self.path(name)))

    def one(self, target, *args, **more):
        result, found = self.archive(*args, target, **more)
        self.assertEqual(list(found), [target], result)
        pairs = found[target]
        self.assertEqual(len(pairs), 1)
        return (*pairs[0], result.report)


class Records(Warc):
    origin_args = ("--proxy",)

    def test_both_forms_in_each_mode(self):
        for mode in self.each_mode():
            for name in ("x.warc", "x.warc.gz"):
                with self.subTest(mode=mode, name=name):
                    lines = ["https://h%d.test/bytes/%d" % (i, i * 100) for i in range(20)]
                    result, found = self.archive("-m", mode, lines=lines, name=name)
                    self.assertEqual(result.status, 0, result)
                    self.assertEqual(sorted(found), sorted(lines))
                    for i in range(20):
                        self.assertEqual(found[lines[i]][0][1].payload, pattern(i * 100))

    def test_the_bytes_on_the_wire(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                request, response, report = self.one("https://a.test/header/X-Odd/%ff%fe%80/header/X-Odd/2/echo", "-m", mode,
                                                     "-H", "X-Sent: a  b")
                self.assertEqual(response.rest, request.block.replace(b"\r\n", b"\n").rstrip(b"\n") + b"\n")
                self.assertIn(b"\r\nX-Sent: a  b\r\n", request.block)
                self.assertIn(b"\r\nX-Odd: \xff\xfe\x80\r\nX-Odd: 2\r\n", response.block)
                self.assertEqual(response.all("WARC-Protocol"), ["http/1.1", "tls/1.3"])
                self.assertEqual(response.get("WARC-Cipher-Suite"), report["tls"]["cipher"])
                self.assertEqual(response.get("WARC-IP-Address"), "127.0.0.1")
                self.assertEqual(response.get("WARC-Date"), report["started"])
                self.assertIsNone(response.get("WARC-Truncated"))

    def test_chunks_stay(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                _, response, _ = self.one("https://a.test/chunked/100/bytes/1000", "-m", mode)
                self.assertTrue(response.rest.startswith(b"64\r\n") and response.rest.endswith(b"\r\n0\r\n\r\n"), response.rest)
                self.assertEqual(response.payload, pattern(1000))
                self.assertEqual(response.get("WARC-Payload-Digest"), warc_reader.sha1(pattern(1000)))

    def test_codings_stay(self):
        lines = ["https://a.test/gzip/bytes/100000", "https://a.test/gzip/chunked/50/bytes/100000"]
        for mode in self.each_mode():
            for args in ([], ["--compressed"]):
                with self.subTest(mode=mode, args=args):
                    result, found = self.archive("-m", mode, *args, lines=lines)
                    for report in result.reports:
                        (_, response), = found[report["target"]]
                        self.assertEqual(response.field("Content-Encoding"), "gzip")
                        self.assertEqual(gzip.decompress(response.payload), pattern(100000))
                        self.assertEqual(report["bytes"], 100000 if args else len(response.payload))

    def test_without_a_body(self):
        statuses = {"empty": 200, "status/204": 204, "status/304": 304, "chunked/9/empty": 200}
        _, found = self.archive(lines=["https://a.test/" + p for p in statuses])
        for path, status in statuses.items():
            (_, response), = found["https://a.test/" + path]
            self.assertEqual((response.status, response.payload), (status, b""))
            self.assertEqual(response.get("WARC-Payload-Digest"), "sha1:3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ")

    def test_ends_of_a_body(self):
        ends = {"eof/bytes/700": (None, None, 700), "truncate/500/bytes/1000": ("truncated", "disconnect", 500),
                "chunked/100/truncate/500/bytes/1000": ("truncated", "disconnect", 500),
                "reset/500/bytes/1000": ("truncated", "disconnect", 500),
                "stall/500/bytes/1000": ("timeout", "time", 500), "bytes/5000": ("too-large", "length", None)}
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                result, found = self.archive("-m", mode, "-w", 6, "-t", 1, "--max-size", 2000, lines=["https://a.test/" + p for p in ends])
                kinds = {r["target"]: r["error"] and r["error"]["kind"] for r in result.reports}
                for path, (kind, cut, length) in ends.items():
                    (_, response), = found["https://a.test/" + path]
                    self.assertEqual((kinds["https://a.test/" + path], response.get("WARC-Truncated")), (kind, cut), path)
                    if length is not None:
                        self.assertEqual(response.payload, pattern(1000)[:length])

    def test_a_redirect_whose_body_breaks_the_rules(self):
        """It is the last exchange, and where its body breaks is where the record ends."""
        head = b"HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n"
        _, response, report = self.one("https://a.test" + script(("send", head + b"5\r\nhello\r\nxyz\r\n"), "close"), "-L")
        self.assertEqual((report["error"]["kind"], response.get("WARC-Truncated"), response.status), ("http", "disconnect", 302))
        self.assertEqual(response.payload, b"hello")

    def test_a_huge_body(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                _, response, _ = self.one("https://a.test/chunked/9999/bytes/12000000/big", "-m", mode)
                self.assertTrue(response.payload == pattern(12000000, "big"))
                self.assertEqual(os.listdir(self.dir).count("x.warc.gz"), 1)
                self.assertEqual(sorted(os.listdir(self.dir)), ["tmp", "x.warc.gz"])

    def test_redirects_are_records(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                last = "https://b.test/text/there"
                first = "https://a.test/redirect/302?to=" + quote(last, safe="")
                result, found = self.archive("-m", mode, "-L", first)
                self.assertEqual(list(found), [first, last], result)
                (_, hop), (_, end) = found[first][0], found[last][0]
                self.assertEqual((hop.status, end.status, end.payload), (302, 200, b"there"))
                self.assertEqual(hop.get("WARC-Date"), end.get("WARC-Date"))

    def test_failed_tries_are_records(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                target = "https://a.test/flaky/2/503/warc%s/text/x" % mode
                result, found = self.archive("-m", mode, "--retry", 3, "--retry-delay", 0.05, target)
                self.assertEqual([r.status for _, r in found[target]], [503, 503, 200], result)
                self.assertEqual(result.report["attempts"], 3)

    def test_an_answer_refused_by_fail_is_a_record(self):
        _, response, report = self.one("https://a.test/status/404/text/gone", "--fail")
        self.assertEqual((response.status, response.payload, report["error"]["kind"]), (404, b"gone", "http-status"))

    def test_no_answer_is_no_record(self):
        result, found = self.archive(lines=["expired.test", "a b", "https://a.test/ok"])
        self.assertEqual(list(found), ["https://a.test/ok"], result)

    def test_clear_text(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                target = "http://127.0.0.1:%d/bytes/10" % self.origin.http
                _, response, _ = self.one(target, "-m", mode, base=False)
                self.assertEqual(response.all("WARC-Protocol"), ["http/1.1"])

    def test_an_old_server(self):
        _, response, _ = self.one("https://a.test/http10/bytes/100")
        self.assertEqual(response.all("WARC-Protocol")[0], "http/1.0")

    def test_unverified(self):
        _, response, _ = self.one("https://expired.test/bytes/10", "-k")
        self.assertEqual(response.all("WARC-Protocol")[1], "tls/1.3")

    def test_through_proxies(self):
        for proxy in ("http://127.0.0.1:%d" % self.origin.port("PROXY"), "https://localhost:%d" % self.origin.port("PROXYS")):
            for target in ("https://127.0.0.1:%d/bytes/10" % self.origin.https, "http://127.0.0.1:%d/bytes/10" % self.origin.http):
                with self.subTest(proxy=proxy, target=target):
                    request, response, _ = self.one(target, "-k", "--proxy", proxy, base=False)
                    self.assertEqual(response.payload, pattern(10))
                    whole = target.startswith("http:")
                    self.assertTrue(request.block.startswith(b"GET " + (target.encode() if whole else b"/bytes/10") + b" HTTP/1.1\r\n"))

    def test_bodies_elsewhere_are_the_same(self):
        self.run_with("--warc", self.path("x.warc"), "-d", self.path("d"), "--compressed", "-f", "none", "https://a.test/gzip/bytes/5000")
        name, = [n for n in os.listdir(self.path("d")) if not n.startswith(".")]
        self.assertEqual(self.read("d/" + name), pattern(5000))
        (_, response), = exchanges(self.path("x.warc"))
        self.assertEqual(gzip.decompress(response.payload), pattern(5000))

    @unittest.skipIf(warcio_missing(), warcio_missing())
    def test_warcio_reads_the_same(self):
        lines = ["https://a.test/" + p for p in (
            "bytes/1000", "chunked/100/bytes/1000", "gzip/bytes/100000", "gzip/chunked/50/bytes/100000", "empty", "status/204",
            "truncate/500/bytes/1000", "header/X-Odd/%ff%fe/bytes/10", "bytes/3000000")]
        decoded = [1000, 1000, 100000, 100000, 0, 0, 500, 10, 3000000]
        for name in ("x.warc", "x.warc.gz"):
            self.archive(lines=lines, name=name)
            done = subprocess.run(["node", os.path.join(TOP, "tests", "e2e", "warcio_read.mjs"), WARCIO, self.path(name)],
                                  stdout=subprocess.PIPE, check=True)
            theirs = [json.loads(line) for line in done.stdout.decode().splitlines()]
            ours = warc_reader.read(self.path(name))
            self.assertEqual([(t["type"], t["id"], t["uri"], t["date"]) for t in theirs],
                             [(r.type, r.get("WARC-Record-ID"), r.get("WARC-Target-URI"), r.get("WARC-Date")) for r in ours])
            sizes = {t["uri"]: t["bytes"] for t in theirs if t["type"] == "response"}
            self.assertEqual([sizes[u] for u in lines], decoded)


@once
class Files(Warc):
    def names(self):
        return sorted(n for n in os.listdir(self.dir) if n.startswith("c"))

    def test_numbered(self):
        for form in (".warc", ".warc.gz"):
            with self.subTest(form=form):
                folder = self.path("f" + form)
                os.mkdir(folder)
                lines = ["https://h%d.test/bytes/5000/%d" % (i, i) for i in range(12)] + ["https://a.test/bytes/300000"]
                self.run_with("-f", "none", "-w", 2, "--warc", os.path.join(folder, "c" + form), "--warc-max-size",
                              "12K" if form == ".warc" else "2K", lines=lines)
                names = sorted(os.listdir(folder), key=lambda n: (len(n), n))
                self.assertGreater(len(names), 3)
                self.assertEqual(names, ["c" + form] + ["c-%05d%s" % (i, form) for i in range(1, len(names))])
                found = by_uri(exchanges(*[os.path.join(folder, n) for n in names]))
                self.assertEqual(sorted(found), sorted(lines))

    def test_an_earlier_file_is_not_overwritten(self):
        args = ["--warc", self.path("c.warc"), "--warc-max-size", "1K"]
        self.write("c-00001.warc", b"precious")
        self.write("c.warc", b"precious, too")
        self.assertUsage("-f", "none", *args, "https://a.test/ok", saying="c-00001.warc")
        self.assertEqual((self.read("c-00001.warc"), self.read("c.warc")), (b"precious", b"precious, too"))

    def test_a_new_run_begins_anew(self):
        for count in (3, 1):
            self.archive(*["https://a.test/bytes/%d" % i for i in range(count)], name="c.warc")
        self.assertEqual(len(warc_reader.read(self.path("c.warc"))), 3)

    def resume(self, *args, name="c.warc", lines=("https://a.test/ok",), status=0):
        result = self.run_with("-f", "none", "--warc", self.path(name), "--joblog", self.path("log"), "--resume", *args, lines=lines)
        self.assertEqual(result.status, status, result)
        return result

    def test_resume_behind_a_torn_record(self):
        for name in ("c.warc", "c.warc.gz"):
            self.run_with("-f", "none", "--warc", self.path(name), "https://b.test/bytes/3000")
            whole = self.read(name)
            records = warc_reader.read(self.path(name))
            last = whole[-300:]
            for torn, kept in ((whole, 3), (whole + whole[:1], 3), (whole + whole[:7], 3), (whole + whole[:120], 3),
                               (whole[:-1], 2), (whole[:-4], 2), (whole[:-len(last)], 2), (b"", 0)):
                with self.subTest(name=name, length=len(torn)):
                    self.write(name, torn)
                    if os.path.exists(self.path("log")):
                        os.unlink(self.path("log"))
                    self.resume(name=name)
                    now = list(warc_reader.pieces(self.path(name)))
                    self.assertEqual([r.get("WARC-Record-ID") for r in now[:kept]], [r.get("WARC-Record-ID") for r in records[:kept]])
                    self.assertEqual(now[-1].get("WARC-Target-URI"), "https://a.test/ok")
                    self.assertEqual([r.type for r in now[kept:]], (["warcinfo"] if not torn else []) + ["request", "response"])

    def test_resume_of_numbered_files(self):
        args = ["--warc-max-size", "4K"]
        lines = ["https://h%d.test/bytes/3000" % i for i in range(9)]
        self.resume(*args, lines=lines[:5])
        self.resume(*args, lines=lines)
        found = by_uri(exchanges(*[self.path(n) for n in self.names()]))
        self.assertEqual(sorted(found), lines)
        self.assertEqual({len(p) for p in found.values()}, {1})

    def test_broken_files_are_refused(self):
        self.run_with("-f", "none", "--warc", self.path("c.warc.gz"), "https://b.test/bytes/3000")
        zipped = self.read("c.warc.gz")
        self.run_with("-f", "none", "--warc", self.path("c.warc"), "https://b.test/bytes/3000")
        plain = self.read("c.warc")
        middle = plain.index(b"Content-Length: ", 500)
        for name, data in (("c.warc", b"This is a letter.\n" * 9), ("c.warc", zipped), ("c.warc.gz", plain), ("c.warc.gz", b"PK\3\4" * 9),
                           ("c.warc", plain[:middle + 16] + b"9" + plain[middle + 16:] + plain[:300] + b"x" * 99999),
                           ("c.warc", plain[:300] + b"?" + plain[300:]), ("c.warc.gz", zipped[:500] + b"????" + zipped[504:])):
            with self.subTest(name=name, start=data[:10]):
                self.write(name, data)
                self.origin.events_clear()
                result = self.resume(name=name, status=2)
                self.assertIn("name another for --warc", result.err)
                self.assertEqual(len(result.err.splitlines()), 1, result)
                self.assertTrue(self.read(name) == data)
                self.assertEqual(self.origin.events("request"), [])

    def test_a_refusal_changes_nothing_else(self):
        """Whatever is wrong with one output, or with the options, the others are as they were."""
        names = {"c.warc": b"old", "out": b"old", "log": b"no journal, but a letter\n"}
        for args in (["--joblog", self.path("log")], ["--cacert", self.path("none")], ["--user", "no-such-user"],
                     ["--deny", "@" + self.path("none")]):
            with self.subTest(args=args):
                for name, data in names.items():
                    self.write(name, data)
                self.assertUsage("-o", self.path("out"), "--warc", self.path("c.warc"), *args, "https://a.test/ok", base=False)
                self.assertEqual({n: self.read(n) for n in names}, names)
        self.write("log", b"")
        self.assertUsage("-o", self.path("out"), "--warc", self.path("c.warc"), "--joblog", self.path("log"), "--resume",
                         "https://a.test/ok", saying="is no WARC")
        self.assertEqual((self.read("out"), self.read("c.warc")), (b"old", b"old"))

    def test_two_at_once(self):
        first = self.start("-f", "none", "--warc", self.path("c.warc"), "https://a.test/delay/1500/ok")
        self.wait_until(lambda: self.names() and self.read("c.warc"), "a warcinfo")
        result = self.run_with("-f", "none", "--warc", self.path("c.warc"), "https://a.test/ok")
        self.assertEqual(result.status, 2, result)
        self.assertIn("another pfetch", result.err)
        self.finish(first)
        self.assertEqual(len(exchanges(self.path("c.warc"))), 1)

    def test_no_room(self):
        """What does not fit is taken back: the file ends behind a whole record, and the run with exit 3."""
        lines = ["https://h%d.test/bytes/9000" % i for i in range(20)]
        for name in ("c.warc", "c.warc.gz"):
            limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50000 if name == "c.warc" else 4000,) * 2)
            result = self.run_with("--warc", self.path(name), lines=lines, preexec_fn=limit)
            self.assertEqual(result.status, 3, result)
            self.assertGreater(len(exchanges(self.path(name))), 1)
        result = self.run_with("-f", "none", "--warc", "/dev/full", "https://a.test/ok")
        self.assertEqual(result.status, 3, result)

    def test_killed(self):
        """SIGKILL at any moment: the file is whole up to its last record, and --resume goes on behind that."""
        lines = ["https://h%d.test/chunked/700/bytes/%d" % (i % 7, 300000 if i % 5 == 0 else 900 + i) for i in range(60)]
        chance = random.Random(7)
        for turn in range(4 if sanitized() else 8):
            name = "c%d.warc%s" % (turn, ".gz" if turn % 2 else "")
            args = ["--joblog", self.path("log%d" % turn), "--resume", "--warc", self.path(name), "-f", "none", "-w", 4]
            process = self.start(*args, lines and "-i", self.write("list", "\n".join(lines)))
            self.wait_until(lambda: os.path.exists(self.path(name)) and os.path.getsize(self.path(name)), "a warcinfo")
            time.sleep(chance.random() * 0.25)
            process.send_signal(signal.SIGKILL)
            process.wait()
            result = self.run_with(*args, "-i", self.path("list"))
            self.assertEqual(result.status, 0, result)
            # A request whose response was torn off stays alone; all else is as it should be.
            records = list(warc_reader.pieces(self.path(name)))
            uris = [r.get("WARC-Target-URI") for r in records if r.type == "response"]
            self.assertEqual(set(uris), set(lines))
            alone = sum(1 for a, b in zip(records, records[1:]) if a.type == "request" and b.type != "response")
            self.assertLessEqual(alone, 1)
            self.assertLessEqual(len(uris), len(lines) + 5)
