"""Through squid and tinyproxy, in every mode; and which proxy the environment chooses, compared with curl's choice."""
import os
import socket
import subprocess
import threading
import unittest

from harness import MODES, PFETCH, Case, environment, kind, once, pattern, sha256
from servers import PROXIES, StunnelBefore, port_free, program_find


@once
class RealProxy:
    """What holds for each proxy; it is started once for all modes."""

    proxy_class = None

    @classmethod
    def setUpClass(cls):
        why = cls.proxy_class.missing()
        if why:
            raise unittest.SkipTest(why)
        super().setUpClass()
        directory = os.path.join(cls.class_dir, "proxy")
        os.mkdir(directory)
        os.chmod(directory, 0o777)
        cls.proxy = cls.proxy_class(directory, directory, cls.origin)
        cls.addClassCleanup(cls.proxy.stop)
        cls.before = None
        if StunnelBefore.missing() is None:
            cls.before = StunnelBefore(directory, directory, cls.origin, cls.proxy.ports["proxy"])
            cls.addClassCleanup(cls.before.stop)

    def toward(self):
        return []

    def host(self, scheme="https"):
        return "%s://localhost:%d" % (scheme, self.origin.https if scheme == "https" else self.origin.http)

    def ways(self):
        """The proxy's URL, in clear text and, where there is a stunnel, over TLS."""
        return [self.proxy.url()] + (["https://localhost:%d" % self.before.ports["tls"]] if self.before else [])

    def test_both_schemes(self):
        """CONNECT for https, absolute form for http; bodies of all sizes and framings; connections are kept."""
        bodies = [("/bytes/300000/p", pattern(300000, "p")), ("/empty", b""), ("/chunked/700/bytes/20000/c", pattern(20000, "c")),
                  ("/bytes/3000000/q", pattern(3000000, "q")), ("/text/last", b"last")]
        for mode in MODES:
            for way in self.ways():
                for scheme in ("https", "http"):
                    with self.subTest(mode=mode, way=way, scheme=scheme):
                        lines = [self.host(scheme) + path for path, _ in bodies]
                        result = self.json("-m", mode, "-w", 1, "--order", "input", "--hash", "sha256", "--proxy", way, lines=lines)
                        self.assertEqual(result.kinds, ["ok"] * len(bodies), result)
                        self.assertEqual([r["sha256"] or sha256(b"") for r in result.reports], [sha256(b) for _, b in bodies])
                        if scheme == "https":
                            self.assertEqual([r["reused"] for r in result.reports], [False] + [True] * (len(bodies) - 1))

    def test_an_end_of_the_connection_ends_the_body(self):
        for way in self.ways():
            for scheme in ("https", "http"):
                report = self.fetch(self.host(scheme) + "/eof/bytes/50000/e", "--proxy", way, "--hash", "sha256")
                self.assertEqual((kind(report), report["sha256"]), ("ok", sha256(pattern(50000, "e"))), report)

    def test_redirects(self):
        for scheme in ("https", "http"):
            report = self.fetch(self.host(scheme) + "/redirect/302?to=/text/there", "-L", "--proxy", self.proxy.url())
            self.assertEqual((kind(report), report["status"], report["url"]), ("ok", 200, self.host(scheme) + "/text/there"))

    def test_authentication(self):
        good, wrong = "us%65r:pass%2Eword@", "user:wrong@"
        for mode in MODES:
            for scheme in ("https", "http"):
                with self.subTest(mode=mode, scheme=scheme):
                    url = self.host(scheme) + "/text/x"
                    self.assertKind(self.fetch(url, "-m", mode, "--proxy", self.proxy.url("", "auth", good)), "ok")
                    for user in (wrong, ""):
                        result = self.json("-m", mode, "--proxy", self.proxy.url("", "auth", user), url)
                        if result.report["status"] == 401:  # tinyproxy's, in clear text: it can't be told from a server's
                            self.assertEqual((scheme, self.proxy.program), ("http", "tinyproxy"))
                        else:
                            self.assertKind(result.report, "proxy", "proxy")
                            self.assertRegex(result.report["error"]["message"], "40[17]")
                        self.assertNotIn(b"wrong", result.out + result.err_bytes)
        for event in self.origin.events("request"):
            self.assertNotIn("proxy-authorization", [n.lower() for n, _ in event["headers"]])

    def test_a_refused_tunnel(self):
        for mode in MODES:
            report = self.fetch(self.host() + "/ok", "-m", mode, "--proxy", self.proxy.url("", "refuses"))
            self.assertKind(report, "proxy", "proxy")
            self.assertIn("403", report["error"]["message"])
            self.assertIn("127.0.0.1:%d" % self.proxy.ports["refuses"], report["error"]["message"])
            self.assertIsNone(report["status"])

    def test_a_server_that_is_not_there(self):
        """Of a tunnel the proxy's failure; in clear text the proxy's page is the answer, as with curl."""
        port = port_free()
        report = self.fetch("https://localhost:%d/" % port, "--proxy", self.proxy.url())
        self.assertKind(report, "proxy", "proxy")
        self.assertRegex(report["error"]["message"], "status 50[0-9]")
        report = self.fetch("http://localhost:%d/" % port, "--proxy", self.proxy.url())
        self.assertEqual((kind(report), report["status"] // 100), ("ok", 5), report)

    def test_a_proxy_that_is_not_there(self):
        for scheme in ("https", "http"):
            for way in ("http", "https"):
                port = port_free()
                report = self.fetch(self.host(scheme), "--proxy", "%s://127.0.0.1:%d" % (way, port))
                self.assertKind(report, "proxy", "proxy")
                self.assertIn("127.0.0.1:%d" % port, report["error"]["message"])

    def test_tls_to_a_proxy_without(self):
        """Some answer, some wait for the end of the line."""
        report = self.fetch(self.host(), "-t", 2, "--proxy", "https://127.0.0.1:%d" % self.proxy.ports["proxy"])
        self.assertIn(kind(report), ("proxy", "timeout"))
        self.assertEqual(report["error"]["phase"], "proxy")

    def test_the_proxy_s_certificate(self):
        if not self.before:
            self.skipTest("no stunnel4 here")
        way = ["--proxy", "https://proxy.test:%d" % self.before.ports["tls"], "--resolve", "proxy.test:%d:127.0.0.1" % self.before.ports["tls"]]
        report = self.fetch(self.host() + "/ok", *way)
        self.assertKind(report, "proxy", "proxy")
        self.assertIn("proxy.test", report["error"]["message"])
        self.assertKind(self.fetch(self.host() + "/ok", "-k", *way), "ok")


for made in PROXIES:
    globals()[made.__name__] = type(made.__name__, (RealProxy, Case), {"proxy_class": made, "__module__": __name__})
del made


class Listener:
    """Notes the first line and the credentials of what is asked; refuses all tunnels."""

    def __init__(self):
        self.asked = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection = self.socket.accept()[0]
            except OSError:
                return
            with connection:
                connection.settimeout(10)
                self.answer(connection)

    def answer(self, connection):
        data = b""
        try:
            while b"\r\n\r\n" not in data:
                more = connection.recv(65536)
                if not more:
                    return
                data += more
            head = data.decode("latin-1").split("\r\n")
            self.asked.append((head[0], [h for h in head[1:] if h.lower().startswith(("proxy-authorization:", "host:"))]))
            status = b"502 no" if data.startswith(b"CONNECT") else b"200 yes"
            connection.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        except OSError:
            pass


@once
class Environment(Case):
    """Whether the proxy is asked, and for what, is compared with curl."""

    @classmethod
    def setUpClass(cls):
        if not program_find("curl"):
            raise unittest.SkipTest("no curl here")
        super().setUpClass()
        cls.listener = Listener()
        cls.addClassCleanup(cls.listener.socket.close)
        cls.at, cls.dead = "http://127.0.0.1:%d" % cls.listener.port, "http://127.0.0.1:%d" % port_free()

    def asked_by(self, command, env):
        del self.listener.asked[:]
        subprocess.run(command, env=environment(env), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                       check=False, timeout=60)
        return self.listener.asked[:1]

    def both(self, env, url):
        resolve = ["--resolve", "*:9:127.0.0.1"]
        theirs = self.asked_by([program_find("curl"), "-s", "--http1.1", "-m", "20", "-o", os.devnull, *resolve, url], env)
        ours = self.asked_by([PFETCH, "-m", "serial", "-f", "none", "-q", *resolve, url], env)
        return theirs, ours

    def test_which_variable(self):
        at, dead = self.at, self.dead
        variables = [{name: at} for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")]
        variables += [
            {"https_proxy": at, "HTTPS_PROXY": dead}, {"https_proxy": dead, "HTTPS_PROXY": at}, {"all_proxy": at, "ALL_PROXY": dead},
            {"all_proxy": dead, "ALL_PROXY": at}, {"https_proxy": "", "all_proxy": at}, {"http_proxy": "", "all_proxy": at},
            {"https_proxy": "", "HTTPS_PROXY": at}, {"all_proxy": at, "http_proxy": dead, "https_proxy": dead}, {"all_proxy": at[7:]},
            {"all_proxy": at + "/path"}, {"all_proxy": "HTTP" + at[4:]}, {"all_proxy": at.replace("//", "//user:p%40ss@")},
            {"all_proxy": at.replace("//", "//user@")}, {"all_proxy": at.replace("//", "//:pw@")}]
        for env in variables:
            for url in ("http://a.test:9/x", "https://a.test:9/x"):
                theirs, ours = self.both(env, url)
                self.assertEqual((env, url, ours), (env, url, theirs))

    def test_no_proxy(self):
        for value, host in (
                ("a.test", "a.test"), (".a.test", "a.test"), ("test", "a.test"), ("est", "a.test"), ("*", "a.test"), ("a.test,*", "a.test"),
                ("b.test", "a.test"), ("*.test", "a.test"), ("b.test,a.test", "a.test"),
                ("b.test a.test", "a.test"), (" a.test ", "a.test"), ("a.test.", "a.test"), ("a.test", "a.test."), ("a.test:10", "a.test"),
                ("A.TEST", "a.test"), ("x.a.test", "a.test"), ("a.test", "x.a.test"), ("a.test", "xa.test"), (".a.test", "x.a.test"),
                ("127.0.0.1", "127.0.0.1"), ("127.0.0.0/8", "127.0.0.1"), ("10.0.0.0/8", "127.0.0.1"), ("127.0.0.0/33", "127.0.0.1"),
                ("127.0.0.1/32", "127.0.0.1"), ("127.0.0", "127.0.0.1"), ("127.", "127.0.0.1"), ("1", "127.0.0.1"), ("::1", "[::1]"),
                ("fe80::/10", "[::1]"), ("0.0.0.0/0", "[::1]"), ("", "a.test"), (".", "a.test"), (",", "a.test"), ("..a.test", "a.test"),
                ("xn--bcher-kva.test", "b\u00fccher.test")):
            theirs, ours = self.both({"all_proxy": self.at, "no_proxy": value}, "http://%s:9/x" % host)
            self.assertEqual((value, host, ours), (value, host, theirs))
        for env in ({"NO_PROXY": "a.test"}, {"NO_PROXY": "a.test", "no_proxy": "b.test"}, {"NO_PROXY": "b.test", "no_proxy": "a.test"},
                    {"NO_PROXY": "a.test", "no_proxy": ""}):
            theirs, ours = self.both({"all_proxy": self.at, **env}, "http://a.test:9/x")
            self.assertEqual((env, ours), (env, theirs))

    def test_no_proxy_beyond_curl(self):
        """A port, brackets, whole address families and international names, which curl 7.88 takes no notice of."""
        for value, host in (("a.test:9", "a.test"), ("127.0.0.1:9", "127.0.0.1"), ("[::1]:9", "[::1]"), ("[::1]", "[::1]"), ("0.0.0.0/0", "127.0.0.1"),
                            ("::/0", "[::1]"), ("b\u00fccher.test", "b\u00fccher.test")):
            _, ours = self.both({"all_proxy": self.at, "no_proxy": value}, "http://%s:9/x" % host)
            self.assertEqual((value, host, ours), (value, host, []))
