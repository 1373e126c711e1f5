"""Real servers: pfetch gets from each what curl gets, in every mode; a server is started once for all three.

A server that isn't installed is skipped. The classes of tests are made from the list of servers (servers.py).
"""
import os
import subprocess
import unittest

from harness import MODES, Case, environment, kind, once, sha256
from servers import SERVERS, program_find, site_make

VOLATILE = {"date", "expires", "last-modified", "etag", "keep-alive", "connection", "age", "set-cookie"}


@once
class RealServer:
    """What holds for every server; each class below adds one."""

    server_class = None

    @classmethod
    def setUpClass(cls):
        why = cls.server_class.missing() or (None if program_find("curl") else "no curl here")
        if why:
            raise unittest.SkipTest(why)
        super().setUpClass()
        site, directory = os.path.join(cls.class_dir, "site"), os.path.join(cls.class_dir, "server")
        os.mkdir(site)
        os.mkdir(directory)
        os.chmod(directory, 0o777)
        cls.files = site_make(site)
        cls.server = cls.server_class(directory, site, cls.origin)
        cls.addClassCleanup(cls.server.stop)
        subprocess.run([program_find("curl"), "-sk", "--max-time", "60", "-o", os.devnull, cls.server.url(cls.server.paths[0])], check=False)

    def toward(self):
        return []

    def curl(self, *args):
        """What curl makes of it: standard output, exit status."""
        command = [program_find("curl"), "-sS", "--cacert", self.origin.path("ca.pem"), "--noproxy", "*", "--max-time", "30", *args]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), check=False, timeout=120)
        return done.stdout, done.returncode

    def curl_each(self, urls, *args):
        """Status, SHA-256, length and stable header fields of each URL, as curl gets them."""
        command, found = list(args), []
        for i, url in enumerate(urls):
            command += ["-o", self.path("curl%d" % i), url]
        out, status = self.curl("-w", "%{http_code} %{http_version}\n", "-D", self.path("heads"), *command)
        self.assertEqual(status, 0, out)
        heads = [h for h in self.read("heads").decode("latin-1").replace("\r", "").split("\n\n") if h]
        for i, line in enumerate(out.decode().splitlines()):
            body = self.read("curl%d" % i) if os.path.exists(self.path("curl%d" % i)) else b""
            fields = [tuple(x.strip() for x in row.split(":", 1)) for row in heads[i].splitlines()[1:] if ":" in row]
            code, version = line.split()
            version = "1.0" if version == "1" else version
            found.append((int(code), version, sha256(body), len(body), self.stable(fields)))
        return found

    @staticmethod
    def stable(fields):
        return sorted((n.lower(), v) for n, v in fields if n.lower() not in VOLATILE)

    def test_what_curl_gets(self):
        """The same bytes, status and fields, twice over one connection where the server keeps it."""
        urls = [self.server.url(p) for p in self.server.paths + (("/dynamic",) if self.server.dynamic else ())]
        expected = self.curl_each(urls, "--http1.1")
        for mode in MODES:
            with self.subTest(mode=mode):
                result = self.json("-m", mode, "-w", 1, "--hash", "sha256", "--order", "input", *urls, *urls)
                self.assertEqual(result.kinds, ["ok"] * len(urls) * 2, result)
                for url, report, known in zip(urls * 2, result.reports, expected * 2):
                    digest = report["sha256"] or sha256(b"")
                    if self.server.paths == ("/",):  # a page about the connection: its body is never the same twice
                        self.assertGreater(report["bytes"], 100)
                        known = (*known[:2], digest, report["bytes"], known[4])
                    self.assertEqual((url, report["status"], report["http_version"], digest, report["bytes"], self.stable(report["headers"])),
                                     (url, *known))
                self.assertEqual([r["reused"] for r in result.reports], [False] + [self.server.keepalive] * (len(urls) * 2 - 1))
        if self.server.dynamic:
            self.assertIn(("transfer-encoding", "chunked"), expected[-1][4])

    def test_redirect(self):
        if not self.server.redirect:
            self.skipTest("it redirects nowhere")
        for mode in MODES:
            with self.subTest(mode=mode):
                result = self.json("-L", "--no-keepalive", "--hash", "sha256", "-m", mode, "-w", 1, *[self.server.url(self.server.redirect)] * 2)
                for report in result.reports:
                    self.assertEqual((kind(report), report["status"], report["sha256"]), ("ok", 200, sha256(self.files["dir/index.html"])), report)
                    self.assertEqual(report["redirects"], [self.server.url("/dir/")])
                    self.assertEqual((report["reused"], (report["tls"] or {}).get("resumed", False)), (False, False))

    def test_codings(self):
        """Those that the server has, one by one; then all at once, in each mode."""
        if not self.server.codings:
            self.skipTest("it codes nothing")
        wanted = [("process", ["-H", "Accept-Encoding: " + c], [c]) for c in self.server.codings]
        wanted += [(mode, [], ["gzip", "deflate", "br", "zstd"]) for mode in MODES]
        for mode, args, codings in wanted:
            with self.subTest(mode=mode, codings=codings):
                report = self.fetch(self.server.url("/page.html"), "--hash", "sha256", "-m", mode, "--compressed", *args)
                self.assertEqual((kind(report), report["sha256"]), ("ok", sha256(self.files["page.html"])), report)
                self.assertIn({n.lower(): v for n, v in report["headers"]}.get("content-encoding"), codings)

    def test_resumption(self):
        """`Connection: close` ends each connection, and the session is resumed on the next: on each, also where the
        server issues no new ticket as it resumes."""
        if not self.server.resumes:
            self.skipTest("it resumes nothing")
        ports = [p for p in ("tls", "tls12") if p in self.server.wanted]
        lines = [self.server.url(self.server.paths[0], port) for port in ports] * 4
        for mode in MODES:
            with self.subTest(mode=mode):
                result = self.json("-m", mode, "-w", 1, "--order", "input", "-H", "Connection: close", lines=lines)
                self.assertEqual([(kind(r), r["reused"]) for r in result.reports], [("ok", False)] * len(lines), result)
                for i, port in enumerate(ports):
                    resumed = [r["tls"]["resumed"] for r in result.reports[i :: len(ports)]]
                    self.assertEqual(resumed, [False, True, True, True], port)

    def test_versions(self):
        if self.server.scheme != "https":
            self.skipTest("clear text")
        versions = {"tls": "TLSv1.3", "tls12": "TLSv1.2", "tls13": "TLSv1.3"}
        ports = [p for p in versions if p in self.server.wanted]
        lines = [self.server.url(self.server.paths[0], p) for p in ports]
        result = self.json("--order", "input", lines=lines)
        self.assertEqual([(kind(r), r["tls"]["version"]) for r in result.reports], [("ok", versions[p]) for p in ports], result)
        result = self.json("--order", "input", "--tls-min", "1.3", lines=lines)
        self.assertEqual(result.kinds, ["tls" if p == "tls12" else "ok" for p in ports])

    def test_client_certificate(self):
        if "client" not in self.server.wanted:
            self.skipTest("it asks for none")
        url = self.server.url(self.server.paths[0], "client")
        pair = ["--cert", self.origin.path("client.pem"), "--key", self.origin.path("client.key")]
        for mode in MODES:
            with self.subTest(mode=mode):
                report = self.fetch(url, "-m", mode, *pair)
                self.assertEqual((kind(report), report["status"]), ("ok", 200), report)
        report = self.fetch(url)
        self.assertTrue(report["status"] in (400, 403, 496) or kind(report) in ("tls", "truncated"), report)
        _, status = self.curl("--fail", url)
        self.assertNotEqual(status, 0)
        report = self.fetch(url, "--cert", self.origin.path("stranger.pem"), "--key", self.origin.path("stranger.key"))
        self.assertTrue(report["status"] in (400, 403, 495) or kind(report) in ("tls", "truncated"), report)

    def test_what_the_server_refuses(self):
        """Too much of a header, too long a path, a bad Host: the same status as curl's. A server that closes without
        having read all may tear its answer down, for either of them."""
        if not self.server.refuses:
            self.skipTest("the backend's answer races with the end of its connection")
        first = self.server.paths[0]
        for args, path in ((["-H", "X-Long: " + "x" * 40000], first), ([], "/" + "y" * 7000), (["-H", "Host: a b"], first)):
            out, status = self.curl("--http1.1", "-o", self.path("page"), "-w", "%{http_code}", *args, self.server.url(path))
            report = self.fetch(self.server.url(path), *args)
            with self.subTest(args=str(args)[:30], path=path[:10]):
                if status == 0 and kind(report) == "ok":
                    self.assertEqual(str(report["status"]), out.decode(), report)
                else:
                    self.assertIn(status, (0, 52, 55, 56))
                    self.assertIn(kind(report), ("ok", "truncated"), report)

    def test_the_wrong_protocol(self):
        """Clear text at a port for TLS: what answer there is, or none; never a hang."""
        if self.server.scheme != "https":
            self.skipTest("clear text")
        url = self.server.url(self.server.paths[0]).replace("https:", "http:")
        out, status = self.curl("--http1.1", "-o", self.path("page"), "-w", "%{http_code}", url)
        report = self.fetch(url, "-t", 5)
        if status == 0:
            self.assertEqual((kind(report), str(report["status"])), ("ok", out.decode()), report)
        else:
            self.assertIn(kind(report), ("http", "truncated"), report)


for made in SERVERS:
    globals()[made.__name__] = type(made.__name__, (RealServer, Case), {"server_class": made, "__module__": __name__})
del made
