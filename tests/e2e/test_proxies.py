"""Through http:// and https:// proxies; the environment's variables; a proxy's failures are the proxy's."""
import shutil
import subprocess

from harness import Case, environment, kind, pattern


class Proxies(Case):
    origin_args = ("--proxy",)

    def toward(self):
        return []

    def proxy(self, name="PROXY", user=""):
        return "%s://%s127.0.0.1:%d" % ("https" if name == "PROXYS" else "http", user, self.origin.port(name))

    def host(self, name="a.test"):
        return "https://%s:%d" % (name, self.origin.https)

    def proxied(self):
        return [e["line"] for e in self.origin.events("proxy")]

    def test_https_by_connect(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                for name in ("PROXY", "PROXYS"):
                    self.origin.events_clear()
                    result = self.run_with("-m", mode, "-f", "body", "--proxy", self.proxy(name), self.host() + "/bytes/300000/p")
                    self.assertTrue(result.out == pattern(300000, "p"), result.err)
                    self.assertEqual(self.proxied(), ["CONNECT a.test:%d HTTP/1.1" % self.origin.https])

    def test_clear_text_in_absolute_form(self):
        for name in ("PROXY", "PROXYS"):
            self.origin.events_clear()
            url = "http://a.test:%d/text/x?y" % self.origin.http
            report = self.fetch(url, "--proxy", self.proxy(name))
            self.assertKind(report, "ok")
            self.assertEqual(self.proxied(), ["GET %s HTTP/1.1" % url])
            self.assertEqual(dict(self.origin.events("proxy")[0]["headers"])["Host"], "a.test:%d" % self.origin.http)

    def test_where_connect_to_leads(self):
        """The proxy is asked for a tunnel to there, in clear text, too; the server hears the URL's own host. As curl does it."""
        for url, to in (("https://a.test/ok", "a.test:443:127.0.0.2:%d" % self.origin.https), ("http://a.test/ok", "a.test:80:127.0.0.2:%d" % self.origin.http)):
            args = ["--proxy", self.proxy(), "--connect-to", to]
            seen = []
            if shutil.which("curl"):
                self.origin.events_clear()
                subprocess.run(["curl", "-q", "-s", *self.trust(), *args, url], capture_output=True, env=environment(), timeout=60, check=True)
                seen.append(self.seen())
            self.origin.events_clear()
            self.assertKind(self.fetch(url, *args), "ok")
            seen.append(self.seen())
            self.assertEqual(seen[-1], (["CONNECT %s HTTP/1.1" % to.split(":", 2)[2]], [("GET /ok HTTP/1.1", "a.test", "127.0.0.2")]))
            self.assertEqual(seen[0], seen[-1])

    def seen(self):
        return self.proxied(), [(e["line"], dict(e["headers"])["Host"], e["local"]) for e in self.origin.events("request")]

    def test_the_origin_is_verified_through_the_tunnel(self):
        report = self.fetch(self.host("expired.test"), "--proxy", self.proxy())
        self.assertKind(report, "certificate", "tls")

    def test_the_proxy_is_verified(self):
        report = self.fetch(self.host() + "/ok", "--proxy", "https://wrong.invalid:%d" % self.origin.port("PROXYS"),
                            "--resolve", "wrong.invalid:%d:127.0.0.1" % self.origin.port("PROXYS"))
        self.assertKind(report, "ok")
        report = self.fetch(self.host() + "/ok", "--proxy", "https://expired.test:%d" % self.origin.port("PROXYS"),
                            "--resolve", "expired.test:%d:127.0.0.1" % self.origin.port("PROXYS"))
        self.assertIn(kind(report), ("proxy", "certificate"))
        self.assertEqual(report["error"]["phase"], "proxy")

    def test_the_user_agent_and_headers(self):
        self.origin.events_clear()
        self.fetch(self.host() + "/ok", "--proxy", self.proxy(), "-H", "Authorization: secret", "-H", "Cookie: a=b")
        names = [n.lower() for n, _ in self.origin.events("proxy")[0]["headers"]]
        self.assertNotIn("authorization", names)
        self.assertNotIn("cookie", names)

    def test_failures_are_the_proxy_s(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                for label in ("proxy403", "proxy407", "proxy502", "proxyreset", "proxyclose", "proxygarbage", "proxyhuge"):
                    report = self.fetch(self.host(label + ".test"), "-m", mode, "--proxy", self.proxy())
                    self.assertEqual((label, kind(report), report["error"]["phase"]), (label, "proxy", "proxy"))
                    self.assertIn("127.0.0.1", report["error"]["message"])
                report = self.fetch(self.host("proxyhang.test"), "-m", mode, "--proxy", self.proxy(), "-t", 0.4)
                self.assertIn(kind(report), ("proxy", "timeout"))
                self.assertEqual(report["error"]["phase"], "proxy")

    def test_the_status_is_named(self):
        self.assertIn("403", self.fetch(self.host("proxy403.test"), "--proxy", self.proxy())["error"]["message"])

    def test_a_proxy_that_is_not_there(self):
        report = self.fetch(self.host() + "/ok", "--proxy", "http://127.0.0.1:1")
        self.assertKind(report, "proxy")

    def test_what_may_pass_of_a_proxy_is_tried_again(self):
        """As it is of a server: no connection, and statuses such as 502; not what says no, or nonsense."""
        again = ["--retry", 2, "--retry-delay", 0.05]
        for label, tries in (("proxy502", 3), ("proxy403", 1), ("proxy407", 1), ("proxyclose", 1), ("proxygarbage", 1), ("proxyhuge", 1)):
            report = self.fetch(self.host(label + ".test"), "--proxy", self.proxy(), *again)
            self.assertEqual((label, kind(report), report["attempts"]), (label, "proxy", tries))
        report = self.fetch(self.host(), "--proxy", "http://127.0.0.1:1", *again)
        self.assertEqual((kind(report), report["attempts"]), ("proxy", 3))

    def test_bytes_before_the_tunnel(self):
        report = self.fetch(self.host("proxyearly.test") + "/ok", "--proxy", self.proxy())
        self.assertIn(kind(report), ("proxy", "tls"))

    def test_a_length_in_the_answer_to_connect_is_ignored(self):
        report = self.fetch(self.host("proxybody.test") + "/ok", "--proxy", self.proxy())
        self.assertIn(kind(report), ("ok", "proxy"))

    def test_environment(self):
        proxy = self.proxy()
        clear = "http://a.test:%d/ok" % self.origin.http
        for env, target, through in (
                ({"https_proxy": proxy}, self.host() + "/ok", True), ({"HTTPS_PROXY": proxy}, self.host() + "/ok", True),
                ({"all_proxy": proxy}, self.host() + "/ok", True), ({"ALL_PROXY": proxy}, self.host() + "/ok", True),
                ({"http_proxy": proxy}, clear, True), ({"all_proxy": proxy}, clear, True),
                ({"https_proxy": proxy[7:]}, self.host() + "/ok", True),
                ({"https_proxy": "http://127.0.0.1:1", "HTTPS_PROXY": proxy}, self.host() + "/ok", False)):
            self.origin.events_clear()
            report = self.fetch(target, env=env)
            self.assertEqual((env, kind(report), bool(self.proxied())), (env, "ok" if through else "proxy", through))

    def test_http_proxy_in_capitals_is_not_honoured(self):
        report = self.run_with("-f", "json", "http://127.0.0.1:%d/ok" % self.origin.http, env={"HTTP_PROXY": "http://127.0.0.1:1"}).report
        self.assertKind(report, "ok")

    def test_no_proxy(self):
        port = self.origin.https
        resolve = ["--resolve", "*:%d:127.0.0.1" % port]
        for value, host, through in (
                ("a.test", "a.test", False), ("test", "a.test", False), (".test", "a.test", False), ("*", "a.test", False),
                ("b.test,a.test", "a.test", False), ("b.test, a.test", "a.test", False), ("A.TEST", "a.test", False),
                ("est", "a.test", True), ("b.test", "a.test", True), ("x.a.test", "a.test", True), ("", "a.test", True),
                ("127.0.0.0/8", "127.0.0.1", False), ("127.0.0.1", "127.0.0.1", False), ("10.0.0.0/8", "127.0.0.1", True)):
            self.origin.events_clear()
            report = self.fetch("https://%s:%d/ok" % (host, port), *resolve, env={"https_proxy": self.proxy(), "no_proxy": value})
            self.assertEqual((value, host, kind(report), bool(self.proxied())), (value, host, "ok", through))

    def test_the_option_before_the_environment(self):
        self.origin.events_clear()
        self.assertKind(self.fetch(self.host() + "/ok", "--proxy", self.proxy(), env={"https_proxy": "http://127.0.0.1:1"}), "ok")

    def test_a_name_that_only_the_proxy_knows(self):
        self.assertKind(self.fetch(self.host("nowhere.invalid") + "/ok", "--proxy", self.proxy()), "ok")

    def test_keepalive_through_the_tunnel(self):
        result = self.json("--proxy", self.proxy(), "-w", 1, "--order", "input", *[self.host() + "/ok"] * 5)
        self.assertEqual([r["reused"] for r in result.reports], [False] + [True] * 4)

    def test_redirects_through_it(self):
        self.assertEqual(self.fetch(self.host() + "/loop/3", "-L", "--proxy", self.proxy())["status"], 200)

    def test_bad_urls(self):
        for bad in ("socks9://x", "http://", "ftp://x:1", "http://x:99999", "http://a b:1"):
            self.assertUsage("--proxy", bad, "a.test")

    def test_deny_cannot_be_kept(self):
        self.assertUsage("--proxy", self.proxy(), "--deny", "10.0.0.0/8", "a.test", saying="--deny")


class Authenticated(Case):
    origin_args = ("--proxy", "--proxy-auth", "user:p@ss word")

    def toward(self):
        return []

    def test_basic(self):
        target = "https://a.test:%d/ok" % self.origin.https
        good = "http://user:p%%40ss%%20word@127.0.0.1:%d" % self.origin.port("PROXY")
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                self.assertKind(self.fetch(target, "-m", mode, "--proxy", good), "ok")
                for bad in ("http://user:wrong@127.0.0.1:%d", "http://127.0.0.1:%d"):
                    report = self.fetch(target, "-m", mode, "--proxy", bad % self.origin.port("PROXY"))
                    self.assertKind(report, "proxy", "proxy")
                    self.assertIn("407", report["error"]["message"])

    def test_clear_text_too_and_never_to_the_origin(self):
        self.origin.events_clear()
        good = "http://user:p%%40ss%%20word@127.0.0.1:%d" % self.origin.port("PROXY")
        self.assertKind(self.fetch("http://a.test:%d/ok" % self.origin.http, "--proxy", good), "ok")
        self.assertKind(self.fetch("https://a.test:%d/ok" % self.origin.https, "--proxy", good), "ok")
        for event in self.origin.events("request"):
            self.assertNotIn("proxy-authorization", [n.lower() for n, _ in event["headers"]])

    def test_the_password_is_not_shown(self):
        bad = "http://user:hunter2@127.0.0.1:%d" % self.origin.port("PROXY")
        result = self.run_with("-v", "-f", "json", "--proxy", bad, "https://a.test:%d/ok" % self.origin.https)
        self.assertNotIn(b"hunter2", result.out + result.err_bytes)
