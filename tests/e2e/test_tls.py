"""Certificates and handshakes: what is accepted, what is refused, and what it is called."""
import os
import shutil
import subprocess

from harness import Case, environment, kind, once, script, sha256

# By the words of the name (tests/origin/authority.h, tlsside.h).
OUTCOMES = {
    "good": "ok", "byroot": "ok", "rootsent": "ok", "reversed": "ok", "unrelated": "ok", "twice": "ok", "deep": "ok",
    "rsa": "ok", "p384": "ok", "ed25519": "ok", "manynames": "ok", "twonames": "ok", "tls12": "ok", "tls13": "ok",
    "tls12-rsa": "ok", "notickets": "ok", "dribble": "ok", "slowaccept": "ok", "caleaf": "ok",
    "expired": "certificate", "notyet": "certificate", "selfsigned": "certificate", "untrusted": "certificate",
    "wrongname": "certificate", "dnsip": "certificate", "nochain": "certificate", "expiredissuer": "certificate", "notca": "certificate",
    "nosign": "certificate", "constrained": "certificate", "shortpath": "certificate", "weakrsa": "certificate",
    "sha1": "certificate", "clientonly": "certificate", "crlsignonly": "certificate", "nulname": "certificate",
    "critical": "certificate", "widewildcard": "certificate", "tldwildcard": "certificate", "badsignature": "certificate",
    "tls12-expired": "certificate",
    "close": "tls", "reset": "tls", "plain": "tls", "garbage": "tls", "alert": "tls", "ssh": "tls", "nocommon": "tls",
    "tls10": "tls", "tls11": "tls",
    "resetafter": "truncated", "closeafter": "truncated", "abruptafter": "truncated",
}


class Outcomes(Case):
    def test_each(self):
        names = sorted(OUTCOMES)
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                result = self.json("-m", mode, "-w", 4, "-t", 20, lines=[n + ".test" for n in names])
                got = dict(zip(names, result.kinds))
                self.assertEqual({n: k for n, k in got.items() if k != OUTCOMES[n]}, {})
                for r in result.reports:
                    if kind(r) in ("certificate", "tls"):
                        self.assertEqual(r["error"]["phase"], "tls", r)
                        self.assertEqual((r["status"], r["bytes"]), (None, 0))
                        self.assertGreater(len(r["error"]["message"]), 5)

    def test_the_common_name_is_no_name(self):
        """A certificate with names, none of them of hosts, is for no host (RFC 9525 6.3), whatever its subject says."""
        self.assertKind(self.fetch("iponly.test"), "certificate")

    def test_nothing_is_sent_to_who_is_not_trusted(self):
        bad = [n + ".test" for n, k in OUTCOMES.items() if k == "certificate"]
        self.origin.events_clear()
        self.json("-t", 5, lines=bad)
        self.assertEqual(self.origin.events("request"), [])

    def test_the_reason_in_words(self):
        for name, words in (("expired", "expired"), ("notyet", "not yet"), ("selfsigned", "self-signed"),
                            ("wrongname", "other.example"), ("untrusted", "issuer")):
            message = self.fetch(name + ".test")["error"]["message"]
            self.assertIn(words, message)

    def test_insecure(self):
        names = ["expired", "notyet", "selfsigned", "untrusted", "wrongname", "nochain", "nosan", "nulname"]
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                result = self.json("-m", mode, "-k", lines=[n + ".test" for n in names])
                self.assertEqual(result.kinds, ["ok"] * len(names))
                self.assertEqual({e["sni"] for e in self.origin.events("request")} & {"expired.test"}, {"expired.test"})

    def test_wildcards(self):
        for name, outcome in (("wildcard.wild.test", "ok"), ("wildcard.test", "certificate"),
                              ("wildcard.a.wild.test", "certificate")):
            self.assertEqual((name, kind(self.fetch(name))), (name, outcome))

    def test_names_without_regard_to_case(self):
        self.assertKind(self.fetch("UPPER.test"), "ok")

    def test_addresses_need_address_names(self):
        port = self.origin.https
        self.assertKind(self.run_with(*self.trust(), "-f", "json", "https://127.0.0.1:%d/ok" % port, base=False).report, "ok")
        report = self.run_with(*self.trust(), "-f", "json", "--connect-to", "::127.0.0.1:%d" % port,
                               "https://10.9.8.7/ok", base=False).report
        self.assertKind(report, "certificate", "tls")

    def test_localhost(self):
        report = self.run_with(*self.trust(), "-f", "json", "https://localhost:%d/ok" % self.origin.https, base=False).report
        self.assertKind(report, "ok")

    def test_a_trailing_dot_is_not_part_of_the_name(self):
        report = self.fetch("https://dotted.test./ok")
        self.assertKind(report, "ok")
        self.assertEqual({e["sni"] for e in self.origin.events("request") if "dotted" in e["host"]}, {"dotted.test"})

    def test_a_new_name_on_a_kept_connection_is_verified(self):
        result = self.json("-w", 1, "--order", "input", "https://one.test/ok", "https://wrongname.test/ok", "https://one.test/ok")
        self.assertEqual(result.kinds, ["ok", "certificate", "ok"])

    def test_insecure_and_secure_do_not_share_sessions(self):
        result = self.json("-w", 1, "--order", "input", "--no-keepalive", *["https://expired.test/ok"] * 3)
        self.assertEqual(result.kinds, ["certificate"] * 3)


class Trust(Case):
    def trust(self):
        return []

    def test_nothing_known(self):
        report = self.fetch("https://a.test/ok", env={"SSL_CERT_FILE": self.origin.path("other.pem"),
                                                    "SSL_CERT_DIR": "/nonexistent"})
        self.assertKind(report, "certificate")

    def test_stores(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                for args, env in ((["--cacert", self.origin.path("ca.pem")], {}), (["--capath", self.origin.path("capath")], {}),
                                  ([], {"SSL_CERT_FILE": self.origin.path("ca.pem")}),
                                  ([], {"SSL_CERT_DIR": self.origin.path("capath")}),
                                  (["--cacert", self.origin.path("ca.pem")], {"SSL_CERT_FILE": self.origin.path("other.pem")})):
                    report = self.fetch("https://a.test/ok", "-m", mode, *args, env=env)
                    self.assertEqual((kind(report), args, env), ("ok", args, env))

    def test_a_bundle_of_many(self):
        """Certificates that a large file holds are parsed as chains name them: in the worker."""
        with open(self.origin.path("other.pem"), "rb") as f, open(self.origin.path("ca.pem"), "rb") as g:
            bundle = self.write("bundle.pem", f.read() * 20 + g.read())
            f.seek(0)
            without = self.write("without.pem", f.read() * 20)
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                result = self.json("--cacert", bundle, "-m", mode, "-w", 3,
                                   lines=["good.test", "byroot.test", "expired.test"] * 3)
                self.assertEqual(result.kinds, ["ok", "ok", "certificate"] * 3)
                self.assertKind(self.fetch("good.test", "-m", mode, env={"SSL_CERT_FILE": bundle}), "ok")
                self.assertKind(self.fetch("good.test", "-m", mode, env={"SSL_CERT_FILE": without}), "certificate")

    @once
    def test_an_encrypted_key_beside_what_is_trusted(self):
        """Of either form, before the certificate or behind it: nobody looks at it."""
        openssl = shutil.which("openssl")
        if not openssl:
            self.skipTest("no openssl here")
        with open(self.origin.path("ca.pem"), encoding="ascii") as f:
            trusted = f.read()
        for form in ("ec", "pkey"):
            done = subprocess.run([openssl, form, "-in", self.origin.path("client.key"), "-aes128", "-passout", "pass:x"],
                                  check=True, capture_output=True, text=True)
            for text in (trusted + done.stdout, done.stdout + trusted):
                self.assertKind(self.fetch("https://a.test/ok", "--cacert", self.write("both.pem", text)), "ok")

    @once
    def test_a_pipe_of_certificates(self):
        """As a shell's <(…) gives it."""
        with open(self.origin.path("ca.pem"), "rb") as f:
            data = f.read()
        for count in (1, 12):
            read, write = os.pipe()
            os.write(write, data * count)
            os.close(write)
            self.assertKind(self.fetch("https://a.test/ok", "--cacert", "/dev/fd/%d" % read, pass_fds=[read]), "ok")
            os.close(read)

    def test_a_fifo_in_a_directory(self):
        """Nobody waits for who might write there: neither who loads the directory nor a worker who looks into it."""
        known = self.path("known")
        os.mkdir(known)
        name, = os.listdir(self.origin.path("capath"))
        os.mkfifo(os.path.join(known, name), 0o644)
        for mode in (0o755, 0o700):
            os.chmod(known, mode)
            self.assertKind(self.fetch("a.test", "--capath", known, timeout=30), "certificate")

    @once
    def test_nobody_is_asked_for_a_passphrase(self):
        """A certificate that says it is encrypted is damaged. Without a terminal OpenSSL would ask on standard error."""
        text = ("-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,%s\n\n%s\n"
                "-----END CERTIFICATE-----\n" % ("00" * 16, "A" * 22 + "=="))
        locked, client = self.write("locked.pem", text), self.origin.path("client.pem")
        for args, words in ((["--cacert", locked, "--cert", client, "--key", self.origin.path("client.key")], "is damaged"),
                            (["--cert", locked], "no certificate in PEM form")):
            self.assertNotIn("phrase", self.assertUsage(*args, "a.test", saying=words, data=b"x\n").err)

    def test_cacert_replaces_the_system_s(self):
        report = self.fetch("https://a.test/ok", "--cacert", self.origin.path("other.pem"),
                            env={"SSL_CERT_FILE": self.origin.path("ca.pem")})
        self.assertKind(report, "certificate")

    def test_a_directory_only_its_owner_may_read(self):
        """The worker may have become somebody else by then: the parent must have loaded it."""
        private = self.path("private")
        os.mkdir(private, 0o700)
        for name in os.listdir(self.origin.path("capath")):
            with open(os.path.join(private, name), "wb") as f, open(os.path.join(self.origin.path("capath"), name), "rb") as g:
                f.write(g.read())
            os.chmod(os.path.join(private, name), 0o600)
        self.assertKind(self.fetch("https://a.test/ok", "--capath", private), "ok")

    def test_linked_directory(self):
        linked = self.path("linked")
        os.mkdir(linked)
        for name in os.listdir(self.origin.path("capath")):
            os.symlink(self.origin.path("ca.pem"), os.path.join(linked, name))
        self.assertKind(self.fetch("https://a.test/ok", "--capath", linked), "ok")

    def test_the_environment(self):
        """Directories are a list; an empty value counts as not set; what is named must be there."""
        empty = self.path("empty")
        os.mkdir(empty)
        capath, ca, nowhere = self.origin.path("capath"), self.origin.path("ca.pem"), self.path("nowhere")
        for env, want in (({"SSL_CERT_DIR": empty + ":" + capath}, "ok"), ({"SSL_CERT_DIR": nowhere + ":" + capath}, "ok"),
                          ({"SSL_CERT_DIR": capath, "SSL_CERT_FILE": self.origin.path("other.pem")}, "ok"),
                          ({"SSL_CERT_DIR": empty, "SSL_CERT_FILE": ca}, "ok"), ({"SSL_CERT_DIR": nowhere, "SSL_CERT_FILE": ca}, "ok"),
                          ({"SSL_CERT_DIR": capath, "SSL_CERT_FILE": ""}, "ok"), ({"SSL_CERT_DIR": "", "SSL_CERT_FILE": ca}, "ok"),
                          ({"SSL_CERT_DIR": empty}, "certificate"), ({"SSL_CERT_DIR": "", "SSL_CERT_FILE": ""}, "certificate")):
            with self.subTest(env=env):
                self.assertKind(self.fetch("good.test", env=env), want)
        for env, words in (({"SSL_CERT_FILE": nowhere}, "SSL_CERT_FILE " + nowhere), ({"SSL_CERT_FILE": nowhere, "SSL_CERT_DIR": capath}, nowhere),
                           ({"SSL_CERT_DIR": nowhere}, "SSL_CERT_DIR " + nowhere), ({"SSL_CERT_DIR": ca}, "no such directory"),
                           ({"SSL_CERT_FILE": self.write("nothing", "")}, "no certificate in PEM form"),
                           ({"SSL_CERT_FILE": empty}, "is a directory")):
            with self.subTest(env=env):
                self.assertUsage("a.test", env=env, saying=words)
        self.assertKind(self.fetch("good.test", "-k", env={"SSL_CERT_DIR": nowhere}), "ok")

    def test_files_that_are_not_there_or_no_certificates(self):
        self.assertUsage("--cacert", self.path("nothing"), "a.test", saying="nothing")
        self.assertUsage("--cacert", self.write("rubbish", "no certificate\n"), "a.test", saying="rubbish")
        self.assertUsage("--cacert", self.tmp, "a.test", saying="is a directory")
        self.assertUsage("--capath", self.path("nowhere"), "a.test", saying="nowhere")
        self.assertUsage("--capath", self.path("rubbish"), "a.test", saying="not a directory")
        self.assertKind(self.fetch("a.test", "--capath", self.tmp), "certificate")


class Client(Case):
    def test_a_certificate_when_asked(self):
        ok = ["--cert", self.origin.path("client.pem"), "--key", self.origin.path("client.key")]
        other = ["--cert", self.origin.path("stranger.pem"), "--key", self.origin.path("stranger.key")]
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                self.assertKind(self.fetch("needcert.test", "-m", mode, *ok), "ok")
                self.assertKind(self.fetch("tls12-needcert.test", "-m", mode, *ok), "ok")
                self.assertIn(kind(self.fetch("needcert.test", "-m", mode)), ("tls", "truncated"))
                self.assertKind(self.fetch("tls12-needcert.test", "-m", mode), "tls", "tls")
                self.assertIn(kind(self.fetch("needcert.test", "-m", mode, *other)), ("tls", "truncated"))
                self.assertKind(self.fetch("good.test", "-m", mode, *ok), "ok")

    def test_one_file_for_both(self):
        with open(self.origin.path("client.pem"), "rb") as a, open(self.origin.path("client.key"), "rb") as b:
            path = self.write("both.pem", a.read() + b.read())
        self.assertKind(self.fetch("needcert.test", "--cert", path), "ok")

    def test_a_pair_that_does_not_fit(self):
        self.assertUsage("--cert", self.origin.path("client.pem"), "--key", self.path("none"), "a.test")
        self.assertUsage("--cert", self.path("none"), "a.test")
        self.assertUsage("--key", self.origin.path("client.key"), "a.test")

    @once
    def test_keys_that_can_not_be_used(self):
        """Somebody else's, one with a passphrase (nobody is asked for it), none at all; and curl refuses them, too."""
        client, key, own = self.origin.path("client.pem"), self.origin.path("client.key"), self.path("own.key")
        openssl = shutil.which("openssl")
        if not openssl:
            self.skipTest("no openssl here")
        for args in (["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", own],
                     ["pkey", "-in", key, "-aes128", "-passout", "pass:x", "-out", self.path("locked.key")],
                     ["ec", "-in", key, "-aes128", "-passout", "pass:x", "-out", self.path("old.key")],
                     ["x509", "-in", client, "-outform", "DER", "-out", self.path("der")]):
            subprocess.run([openssl, *args], check=True, capture_output=True)
        for cert, with_key, words in ((client, own, "does not belong to the certificate of --cert"),
                                      (client, self.path("locked.key"), "protected by a passphrase"),
                                      (client, self.path("old.key"), "protected by a passphrase"), (client, client, "no private key"),
                                      (key, key, "no certificate in PEM form"), (self.path("der"), key, "no certificate in PEM form"),
                                      (client, self.tmp, "no private key")):
            with self.subTest(cert=cert, key=with_key):
                self.assertUsage("--cert", cert, "--key", with_key, "needcert.test", saying=words)
                if shutil.which("curl"):
                    run = subprocess.run(["curl", "-q", "-s", *self.trust(), *self.toward(), "--cert", cert, "--key", with_key,
                                          "https://needcert.test/ok"], capture_output=True, env=environment(), timeout=60, check=False,
                                         stdin=subprocess.DEVNULL, start_new_session=True)
                    self.assertIn(run.returncode, (35, 58), run)
        self.assertUsage("--cert", client, "needcert.test", saying="no private key")


class Versions(Case):
    def test_minimum(self):
        self.assertKind(self.fetch("tls12.test", "--tls-min", "1.2"), "ok")
        self.assertKind(self.fetch("tls12.test", "--tls-min", "1.3"), "tls", "tls")
        self.assertKind(self.fetch("tls13.test", "--tls-min", "1.3"), "ok")
        for bad in ("1.1", "1.0", "1.4", "x", ""):
            self.assertUsage("--tls-min", bad, "a.test")

    def test_reported(self):
        self.assertEqual(self.fetch("tls12.test")["tls"]["version"], "TLSv1.2")
        self.assertEqual(self.fetch("tls13.test")["tls"]["version"], "TLSv1.3")

    def test_resumption(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                for name in ("tls12", "tls13"):
                    self.origin.events_clear()
                    result = self.json("-m", mode, "-w", 1, "--order", "input", *["https://%s.test/close/ok" % name] * 4)
                    self.assertEqual([r["tls"]["resumed"] for r in result.reports], [False, True, True, True], (mode, name))
                    self.assertEqual([e["resumed"] for e in self.origin.events("request")], [False, True, True, True])

    def test_sessions_outlive_a_kept_connection_that_was_closed(self):
        """The server ends the connection without having said so: with close_notify, with FIN alone, or with RST."""
        for mode in self.each_mode():
            for name in ("tls12", "tls13"):
                for end in ("close", "abrupt", "reset"):
                    with self.subTest(mode=mode, name=name, end=end):
                        head = ("send", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                        lines = ["https://%s.test%s" % (name, script(head, ("wait", 20), end))] * 3
                        result = self.json("-m", mode, "-w", 1, "--order", "input", "--rate", "8/s", lines=lines)
                        self.assertEqual([(kind(r), r["reused"]) for r in result.reports], [("ok", False)] * 3)
                        self.assertEqual([r["tls"]["resumed"] for r in result.reports], [False, True, True])

    def test_no_session_without_tickets(self):
        result = self.json("-w", 1, "--order", "input", *["https://notickets-tls13.test/close/ok"] * 3)
        self.assertEqual([r["tls"]["resumed"] for r in result.reports], [False] * 3)

    def test_alpn_is_http_1_1_only(self):
        self.assertIn(kind(self.fetch("wrongalpn.test")), ("tls", "http", "truncated"))


@once
class Weak(Case):
    """What servers are told to speak that nobody should (as badssl.com has it): refused in the handshake, as curl does."""

    PLANS = {  # the arguments of openssl s_server: answered or not
        "the usual": ([], "ok"), "static RSA keys": (["-tls1_2", "-cipher", "AES128-SHA"], "ok"),
        "CBC without encrypt-then-MAC": (["-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA"], "ok"), "P-521": (["-groups", "P-521"], "ok"),
        "no encryption": (["-tls1_2", "-cipher", "eNULL:@SECLEVEL=0"], "tls"), "no authentication": (["-tls1_2", "-cipher", "aNULL:@SECLEVEL=0"], "tls"),
        "short tags": (["-tls1_2", "-cipher", "AES128-CCM8:@SECLEVEL=0"], "tls"), "a shared key": (["-psk", "1a2b", "-nocert"], "tls"),
        "TLS 1.0": (["-tls1", "-cipher", "ALL:@SECLEVEL=0"], "tls"), "TLS 1.1": (["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], "tls"),
        "SHA-1 signatures": (["-tls1_2", "-sigalgs", "RSA+SHA1", "-cipher", "ECDHE:@SECLEVEL=0"], "tls"),
    }

    def toward(self):
        return []

    def serve(self, args):
        """A server with these settings, and its port."""
        server = subprocess.Popen(["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", self.path("pem"), "-key", self.path("key"), "-www", *args],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        self.addCleanup(server.stdout.close)
        for line in server.stdout:
            if line.startswith(b"ACCEPT"):
                return server, int(line.rsplit(b":", 1)[1])
        return server, None

    def test_each(self):
        if not shutil.which("openssl"):
            self.skipTest("no openssl here")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.path("key"), "-out", self.path("pem"), "-days", "2",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
        for name, (args, want) in self.PLANS.items():
            server, port = self.serve(args)
            with self.subTest(server=name):
                self.assertIsNotNone(port, "the server did not start")
                url = "https://localhost:%d/" % port
                report = self.fetch(url, "-4", "--cacert", self.path("pem"))
                self.assertKind(report, want, None if want == "ok" else "tls")
                if shutil.which("curl"):
                    run = subprocess.run(["curl", "-q", "-s", "-4", "--cacert", self.path("pem"), "-o", os.devnull, url], env=environment(), timeout=60, check=False)
                    self.assertEqual(run.returncode, 0 if want == "ok" else 35)
            server.kill()


class Floods(Case):
    def test_bounded(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                for name in ("ticketflood", "keyupdates"):
                    report = self.fetch(name + ".test", "-m", mode, "-t", 10)
                    self.assertIn(kind(report), ("ok", "tls", "http", "truncated"), report)
                self.assertIn(kind(self.fetch("renegotiate.test", "-m", mode, "-t", 5)), ("ok", "tls", "truncated"))

    def test_after_a_flood_the_run_goes_on(self):
        result = self.json("-w", 1, "--order", "input", "ticketflood.test", "good.test", "keyupdates.test", "good.test")
        self.assertEqual([kind(r) for r in result.reports][1::2], ["ok", "ok"])


class Reports(Case):
    def test_fingerprint_is_that_of_the_leaf(self):
        report = self.run_with(*self.trust(), "-f", "json", "https://127.0.0.1:%d/ok" % self.origin.https, base=False).report
        import base64
        import ssl
        der = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", self.origin.https)))
        self.assertTrue(base64.b64encode(der))
        self.assertEqual(report["tls"]["cert"]["sha256"], sha256(der))


class Configuration(Case):
    """openssl.cnf's say is heard in the library context of ours as well."""

    def conf(self, name, text):
        return {"OPENSSL_CONF": self.write(name, ("openssl_conf = init\n[init]\n" + text).encode())}

    def test_least_version(self):
        env = self.conf("least.cnf", "ssl_conf = ssl\n[ssl]\nsystem_default = all\n[all]\nMinProtocol = TLSv1.3\n")
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                self.assertKind(self.fetch("tls12.test", "-m", mode, env=env), "tls", "tls")
                self.assertKind(self.fetch("tls13.test", "-m", mode, env=env), "ok")

    def test_level(self):
        env = self.conf("level.cnf", "ssl_conf = ssl\n[ssl]\nsystem_default = all\n[all]\n"
                                     "CipherString = DEFAULT:@SECLEVEL=5\n")
        self.assertKind(self.fetch("good.test"), "ok")
        self.assertKind(self.fetch("good.test", env=env), "tls", "tls")  # no suite and group of 256 bits

    def test_suites(self):
        """128-bit AES comes first, unless somebody has said what does."""
        suites = {None: "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256": "TLS_AES_256_GCM_SHA384",
                  "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:TLS_AES_128_CCM_SHA256":
                  "TLS_AES_256_GCM_SHA384"}
        for mode in self.each_mode():
            for said, used in suites.items():
                with self.subTest(mode=mode, said=said):
                    env = said and self.conf("suites.cnf", "ssl_conf = ssl\n[ssl]\nsystem_default = all\n[all]\nCiphersuites = %s\n" % said)
                    self.assertEqual(self.fetch("good.test", "-m", mode, env=env)["tls"]["cipher"], used)

    def test_providers(self):
        """Whoever chooses providers has them."""
        env = self.conf("providers.cnf", "providers = p\n[p]\ndefault = on\nbase = on\n[on]\nactivate = 1\n")
        for name in ("good.test", "rsa.test", "ed25519.test", "tls12.test"):
            self.assertKind(self.fetch(name, env=env), "ok")
