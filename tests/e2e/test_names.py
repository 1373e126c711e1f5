"""Names: the resolver under its deadline, several addresses, --resolve, --connect-to, -4 and -6."""
import json
import os
import socket
import struct
import subprocess
import threading
import time

from harness import POOLS, Case, children, environment, kind, memory_kb, modes, once, sanitized

ZONE = """
one.test A 127.0.0.1
many.test A 127.0.0.1 127.0.0.2 127.0.0.3
second.test A 127.0.0.99 127.0.0.2
both.test A 127.0.0.1
both.test AAAA ::1
six.test AAAA ::1
alias.test CNAME one.test
loop.test CNAME loop2.test
loop2.test CNAME loop.test
gone.test NXDOMAIN
empty.test TXT x
broken.test SERVFAIL
refused.test REFUSED
mute.test SILENCE
late.test DELAY 300
late.test A 127.0.0.1
cut.test TRUNCATE
cut.test A 127.0.0.2
odd.test GARBAGE
forged.test WRONGID
forged.test A 127.0.0.1
forged2.test WRONGQUESTION
forged2.test A 127.0.0.1
often.test FLAKY 1
often.test A 127.0.0.1
halfmute.test A 127.0.0.1
*.wild.test A 127.0.0.1
"""


class Names(Case):
    @classmethod
    def make_origin_args(cls):
        path = os.path.join(cls.class_dir, "zone")
        with open(path, "w", encoding="ascii") as f:
            f.write(ZONE)
        return ["--dns", path]

    def toward(self):
        return ["--dns-servers", "127.0.0.1:%d" % self.origin.port("DNS")]

    def url(self, name, path="/ok"):
        return "https://%s:%d%s" % (name, self.origin.https, path)

    def asked(self):
        return [e["detail"] for e in self.origin.events("dns")]

    def test_answers(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                for name, ip in (("one.test", "127.0.0.1"), ("alias.test", "127.0.0.1"), ("cut.test", "127.0.0.2"),
                                 ("x.wild.test", "127.0.0.1"), ("late.test", "127.0.0.1")):
                    report = self.fetch(self.url(name), "-m", mode)
                    self.assertEqual((name, kind(report), report["remote_ip"]), (name, "ok", ip))
                    self.assertGreaterEqual(report["time"]["dns"], 0.25 if name == "late.test" else 0)

    def test_failures(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                for name in ("gone.test", "unknown.test", "empty.test", "broken.test", "refused.test", "loop.test"):
                    report = self.fetch(self.url(name), "-m", mode, "-t", 5)
                    self.assertEqual((name, kind(report), report["error"]["phase"]), (name, "dns", "dns"))
                    self.assertEqual((report["remote_ip"], report["status"]), (None, None))

    def test_silence(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                for name in ("mute.test", "forged.test", "odd.test"):
                    start = time.monotonic()
                    report = self.fetch(self.url(name), "-m", mode, "-t", 0.6, "--connect-timeout", 0.8)
                    self.assertIn(kind(report), ("timeout", "dns"), report)
                    self.assertEqual(report["error"]["phase"], "dns")
                    self.assertLess(time.monotonic() - start, 25)

    def test_what_is_retried(self):
        for name, tries in (("gone.test", 1), ("unknown.test", 1), ("broken.test", 3)):
            report = self.fetch(self.url(name), "--retry", 2, "--retry-delay", 0.05, "-t", 2)
            self.assertEqual((name, kind(report), report["attempts"]), (name, "dns", tries))

    def test_a_lost_question_is_asked_again(self):
        self.assertKind(self.fetch(self.url("often.test"), "-t", 20, "--connect-timeout", 30), "ok")

    def test_an_answer_to_another_question_is_none(self):
        report = self.fetch(self.url("forged2.test"), "-t", 1, "--connect-timeout", 1.5)
        self.assertNotEqual(kind(report), "ok")

    def test_the_next_address_when_one_refuses(self):
        """Nobody listens on 127.0.0.99."""
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                report = self.fetch(self.url("second.test"), "-m", mode)
                self.assertEqual((kind(report), report["remote_ip"]), ("ok", "127.0.0.2"))

    def test_families(self):
        if not self.origin.ipv6:
            self.skipTest("no IPv6 here")
        self.assertEqual(self.fetch(self.url("both.test"), "-4")["remote_ip"], "127.0.0.1")
        self.assertEqual(self.fetch(self.url("both.test"), "-6")["remote_ip"], "::1")
        self.assertEqual(self.fetch(self.url("six.test"))["remote_ip"], "::1")
        self.assertKind(self.fetch(self.url("six.test"), "-4"), "dns")
        self.assertKind(self.fetch(self.url("one.test"), "-6"), "dns")
        self.assertIn(self.fetch(self.url("both.test"))["remote_ip"], ("127.0.0.1", "::1"))

    def test_literals_ask_nobody(self):
        self.origin.events_clear()
        self.assertKind(self.fetch(self.url("127.0.0.1")), "ok")
        self.assertEqual(self.asked(), [])

    def test_localhost_is_answered_from_hosts(self):
        self.assertKind(self.fetch(self.url("localhost")), "ok")

    def test_resolve(self):
        port = self.origin.https
        for value, target in (("x.test:%d:127.0.0.2" % port, "x.test"), ("X.test:%d:127.0.0.2" % port, "x.TEST"),
                              ("*:%d:127.0.0.2" % port, "any.test")):
            report = self.fetch(self.url(target), "--resolve", value)
            self.assertEqual((value, kind(report), report["remote_ip"]), (value, "ok", "127.0.0.2"))
        report = self.fetch(self.url("x.test"), "--resolve", "x.test:%d:127.0.0.99,127.0.0.3" % port)
        self.assertEqual(report["remote_ip"], "127.0.0.3")
        report = self.fetch(self.url("x.test"), "--resolve", "x.test:%d:127.0.0.99" % (port + 1))
        self.assertKind(report, "dns")
        if self.origin.ipv6:
            self.assertEqual(self.fetch(self.url("x.test"), "--resolve", "x.test:%d:[::1]" % port)["remote_ip"], "::1")

    def test_connect_to(self):
        port = self.origin.https
        for value in ("a.test:443:127.0.0.2:%d" % port, "::127.0.0.2:%d" % port, "a.test::127.0.0.2:%d" % port, ":443:127.0.0.2:%d" % port):
            report = self.fetch("https://a.test/ok", "--connect-to", value)
            self.assertEqual((value, kind(report), report["remote_ip"], report["remote_port"]), (value, "ok", "127.0.0.2", port))
        report = self.fetch("https://a.test/ok", "--connect-to", "a.test:443:one.test:%d" % port)
        self.assertKind(report, "ok")
        self.assertEqual([e["sni"] for e in self.origin.events("request")][-1], "a.test")

    def test_bad_values(self):
        for bad in ("x", "x.test", "x.test:443", "x.test:443:", "x.test:0:127.0.0.1", "x.test:443:nonsense.test:1:2", "x:99999:127.0.0.1"):
            self.assertUsage("--resolve", bad, "a.test")
        for bad in ("x", "a:b", "a:1:b", "a:99999:b:1"):
            self.assertUsage("--connect-to", bad, "a.test")
        for bad in ("", "x.test", "127.0.0.1:0", "127.0.0.1:99999", "1.2.3", "[::1"):
            self.assertUsage("--dns-servers", bad, "a.test")

    def test_several_servers(self):
        args = ["--dns-servers", "127.0.0.1:1,127.0.0.1:%d" % self.origin.port("DNS")]
        report = self.run_with(*self.trust(), "-f", "json", *args, self.url("one.test"), base=False).report
        self.assertKind(report, "ok")

    def test_a_thousand_names(self):
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                lines = [self.url("n%d.wild.test" % i) for i in range(300)]
                result = self.json("-m", mode, "-w", 8, lines=lines)
                self.assertEqual(result.kinds, ["ok"] * 300, result.err)

    def mute(self, address, port):
        """Somebody who takes no more connections and refuses none: SYNs go unanswered."""
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.bind((address, port))
        listener.listen(0)
        self.addCleanup(listener.close)
        for _ in range(4):
            filler = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            filler.setblocking(False)
            filler.connect_ex((address, port))
            self.addCleanup(filler.close)

    def test_a_silent_address_does_not_keep_the_next_one_waiting(self):
        """RFC 8305: the next one is tried after 250 ms, long before the first one's time is up."""
        self.mute("127.0.0.77", self.origin.https)
        for value in ("127.0.0.77,127.0.0.2", "127.0.0.77,127.0.0.99,127.0.0.2"):
            report = self.fetch(self.url("x.test"), "--resolve", "x.test:%d:%s" % (self.origin.https, value), "-t", 60)
            self.assertEqual((kind(report), report["remote_ip"]), ("ok", "127.0.0.2"))
            self.assertGreater(report["time"]["connect"], 0.2)
            self.assertLess(report["time"]["connect"], 30)

    def test_silence_everywhere(self):
        self.mute("127.0.0.77", self.origin.https)
        self.mute("127.0.0.78", self.origin.https)
        value = "x.test:%d:127.0.0.77,127.0.0.78" % self.origin.https
        for args in (["-t", 0.7], ["-t", 60, "--connect-timeout", 0.7], ["-t", 60, "--max-time", 0.7]):
            report = self.fetch(self.url("x.test"), "--resolve", value, *args)
            self.assertKind(report, "timeout", "connect")
            self.assertEqual((report["status"], report["remote_ip"]), (None, None))

    def test_etc_hosts(self):
        """It goes before the DNS; its names are compared without regard to case, all addresses of a name are tried."""
        hosts = self.write("hosts", "127.0.0.1 localhost\n127.0.0.2\tone.test Other.TEST # 127.0.0.3 not.test\n127.0.0.99 two.test\n"
                           "127.0.0.3 two.test\nnonsense bad.test\n::1 six.test\n")
        setup = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', hosts]
        if os.geteuid() != 0 or subprocess.run(setup + ["true"], capture_output=True, check=False).returncode:
            self.skipTest("no mount of one's own here")
        wanted = [("one.test", "127.0.0.2"), ("other.test", "127.0.0.2"), ("ONE.test", "127.0.0.2"), ("one.test.", "127.0.0.2"), ("two.test", "127.0.0.3"),
                  ("late.test", "127.0.0.1")] + [("six.test", "::1")] * self.origin.ipv6
        self.origin.events_clear()
        process = subprocess.run(setup + self.command("-f", "json", "-w", 1, "--order", "input", *[self.url(n) for n, _ in wanted], self.url("bad.test"),
                                                      self.url("not.test")), capture_output=True, env=environment(), timeout=120, check=False)
        reports = [json.loads(line) for line in process.stdout.splitlines()]
        self.assertEqual([(r["error"] and r["error"]["kind"], r["remote_ip"]) for r in reports],
                         [(None, ip) for _, ip in wanted] + [("dns", None)] * 2, process.stderr)
        self.assertEqual({a.split()[0] for a in self.asked()}, {"late.test", "bad.test", "not.test"})

    def test_few_names_are_remembered(self):
        """256 a worker: a name among them is asked for once, one that others have pushed out is asked for again."""
        for others, times in ((100, 1), (300, 2)):
            self.origin.events_clear()
            lines = [self.url("first.wild.test")] + ["https://o%d-%d.wild.test:1/" % (others, i) for i in range(others)] + [self.url("first.wild.test")]
            result = self.json("-4", "-w", 1, "--no-keepalive", lines=lines)
            self.assertEqual(len(result.reports), others + 2)
            self.assertEqual((others, self.asked().count("first.wild.test A udp")), (others, times))

    @modes(*POOLS)
    def test_many_names_take_no_memory(self):
        """A worker that has looked up 6,000 names is no larger than one that has looked up 2,000."""
        if sanitized():
            self.skipTest("a sanitizer's memory grows")
        sizes, process = {}, self.start("-4", "-w", 1, "-f", "text", *self.toward(), stderr=subprocess.DEVNULL)

        def feed():
            for i in range(6500):
                process.stdin.write(b"n%d.wild.test:1\n" % i)
            process.stdin.close()

        feeder = threading.Thread(target=feed)
        feeder.start()
        for i, _ in enumerate(process.stdout):
            if i in (2000, 6000):
                sizes[i] = memory_kb((children(process.pid) or [process.pid])[0], "VmRSS")
        feeder.join()
        self.assertEqual((process.wait(), i), (1, 6499))
        self.assertLess(sizes[6000], sizes[2000] + 250, sizes)

    def test_trailing_dot(self):
        self.assertKind(self.fetch(self.url("one.test.")), "ok")


class Resolver:
    """A name server on loopback that answers as a function says: question, tcp -> what is sent (bytes, or None)."""

    def __init__(self, answer, address="127.0.0.1"):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.answer, self.asked = answer, []
        while True:
            self.udp, self.tcp = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_STREAM)
            self.udp.bind((address, 0))
            self.port = self.udp.getsockname()[1]
            try:
                self.tcp.bind((address, self.port))
                break
            except OSError:
                self.udp.close()
                self.tcp.close()
        self.tcp.listen(16)
        self.threads = [threading.Thread(target=f, daemon=True) for f in (self.serve_udp, self.serve_tcp)]
        for thread in self.threads:
            thread.start()

    def serve_udp(self):
        while True:
            try:
                question, whence = self.udp.recvfrom(4096)
                if not question:
                    return
                self.asked.append("udp")
                reply = self.answer(question, False)
                if reply is not None:
                    self.udp.sendto(reply, whence)
            except OSError:
                return

    def serve_tcp(self):
        while True:
            try:
                peer, _ = self.tcp.accept()
            except OSError:
                return
            with peer:
                peer.settimeout(5)
                try:
                    head = peer.recv(2, socket.MSG_WAITALL)
                    question = peer.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL)
                    self.asked.append("tcp")
                    reply = self.answer(question, True)
                    if reply is not None:
                        peer.sendall(reply)
                except OSError:
                    pass

    def close(self):
        for sock in (self.udp, self.tcp):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()


def answer(question, *records, flags=0x8180, count=None, raw=b""):
    """A reply to a question: records of (type, data) for the name that was asked for."""
    end = question.index(b"\0", 12) + 5
    made = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", kind_, 1, 60, len(data)) + data for kind_, data in records)
    return question[:2] + struct.pack(">HHHHH", flags, 1, len(records) if count is None else count, 0, 0) + question[12:end] + made + raw


def framed(message):
    return struct.pack(">H", len(message)) + message


LOOPBACK = (1, b"\x7f\0\0\x01")


def with_tcp(on_tcp):
    """Over UDP the answer is cut (TC), over TCP it is this."""
    return lambda q, tcp: on_tcp(q) if tcp else answer(q, flags=0x8380)


@once
class Liars(Case):
    """Resolvers that lie, break off or flood: an error or a time-out, never a crash, a hang or somebody else's address. The
    same code runs in each mode; in a process it is confined, too."""

    ANSWERS = {
        "right": (lambda q, tcp: answer(q, LOOPBACK), "ok"),
        "over TCP": (with_tcp(lambda q: framed(answer(q, LOOPBACK))), "ok"),
        "four thousand addresses": (with_tcp(lambda q: framed(answer(q, *[LOOPBACK] * 4000))), "ok"),
        "a chain of aliases": (lambda q, tcp: answer(q, (5, b"\x01x\x04test\0"), raw=b"\x01x\x04test\0" + struct.pack(
            ">HHIH", 1, 1, 60, 4) + b"\x7f\0\0\x01", count=2), "ok"),
        "an alias of itself, for ever": (with_tcp(lambda q: framed(answer(q, *[(5, b"\xc0\x0c")] * 3000))), "dns"),
        "only an alias": (lambda q, tcp: answer(q, (5, b"\x01x\x04test\0")), "dns"),
        "a name that points at itself": (lambda q, tcp: answer(q, raw=b"\xc0\x1c" * 20, count=1), "dns"),
        "a name that points ahead": (lambda q, tcp: answer(q, raw=b"\xff\xff" + struct.pack(">HHIH", 1, 1, 60, 4) + b"\x7f\0\0\x01", count=1), "dns"),
        "an address of three bytes": (lambda q, tcp: answer(q, (1, b"\x7f\0\0")), "dns"),
        "an address of five bytes": (lambda q, tcp: answer(q, (1, b"\x7f\0\0\1\1")), "dns"),
        "an address for another name": (lambda q, tcp: answer(q, raw=b"\x05other\x04test\0" + struct.pack(">HHIH", 1, 1, 60, 4) + b"\x7f\0\0\x01",
                                                              count=1), None),
        "records that are not there": (lambda q, tcp: answer(q, LOOPBACK, count=60000), "dns"),
        "a record that ends early": (lambda q, tcp: answer(q, (1, b"\x7f\0\0\1"))[:-2], "dns"),
        "a record longer than its message": (lambda q, tcp: answer(q, raw=b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 65535), count=1), "dns"),
        "half a header": (lambda q, tcp: q[:7], "dns"),
        "nothing": (lambda q, tcp: b"", "dns"),
        "the question itself": (lambda q, tcp: q, "dns"),
        "NOTIMP": (lambda q, tcp: answer(q, flags=0x8184), "dns"), "FORMERR": (lambda q, tcp: answer(q, flags=0x8181), "dns"),
        "SERVFAIL with an address": (lambda q, tcp: answer(q, LOOPBACK, flags=0x8182), "dns"),
        "NXDOMAIN with an address": (lambda q, tcp: answer(q, LOOPBACK, flags=0x8183), "dns"),
        "TCP that is closed": (with_tcp(lambda q: b""), "dns"),
        "TCP with half a length": (with_tcp(lambda q: b"\xff"), "dns"),
        "TCP that breaks off": (with_tcp(lambda q: framed(answer(q, LOOPBACK))[:-3]), "dns"),
        "TCP with a message of nothing": (with_tcp(lambda q: b"\0\0"), "dns"),
        "TCP that is cut again": (with_tcp(lambda q: framed(answer(q, flags=0x8380))), "dns"),
        "TCP with another id": (with_tcp(lambda q: framed(b"\0\0" + answer(q, LOOPBACK)[2:])), "dns"),
    }

    def test_each(self):
        for name, (reply, want) in self.ANSWERS.items():
            server = Resolver(reply)
            try:
                report = self.run_with(*self.trust(), "-4", "-f", "json", "-t", 1, "--connect-timeout", 1.5, "--dns-servers",
                                       "127.0.0.1:%d" % server.port, "https://liar.test:%d/ok" % self.origin.https, base=False).report
            finally:
                server.close()
            with self.subTest(answer=name):
                self.assertTrue(server.asked)
                if want == "ok":
                    self.assertEqual((kind(report), report["remote_ip"]), ("ok", "127.0.0.1"), report["error"])
                elif want:
                    self.assertIn(kind(report), ("dns", "timeout"), report)
                    self.assertEqual((report["error"]["phase"], report["remote_ip"]), ("dns", None), report)

    def test_servers_at_addresses_of_both_kinds(self):
        """[v6]:port, several in turn: one that is silent, one that refuses, one that answers."""
        good, silent = Resolver(lambda q, tcp: answer(q, LOOPBACK)), Resolver(lambda q, tcp: None)
        refusing = Resolver(lambda q, tcp: answer(q, flags=0x8185))
        lists = ["127.0.0.1:%d,127.0.0.1:%d" % (silent.port, good.port), "127.0.0.1:%d,127.0.0.1:%d" % (refusing.port, good.port)]
        servers = [good, silent, refusing]
        if self.origin.ipv6:
            servers.append(Resolver(lambda q, tcp: answer(q, LOOPBACK), "::1"))
            lists += ["[::1]:%d" % servers[-1].port, "127.0.0.1:%d,[::1]:%d" % (silent.port, servers[-1].port)]
        try:
            for value in lists:
                with self.subTest(servers=value):
                    report = self.run_with(*self.trust(), "-4", "-f", "json", "-t", 20, "--dns-servers", value,
                                           "https://any.test:%d/ok" % self.origin.https, base=False).report
                    self.assertKind(report, "ok")
        finally:
            for server in servers:
                server.close()

    def test_somebody_else_s_answer(self):
        """What comes from another address than was asked is not heard."""
        other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

        class Elsewhere(Resolver):
            def serve_udp(self):
                while True:
                    question, whence = self.udp.recvfrom(4096)
                    if not question:
                        return
                    self.asked.append("udp")
                    other.sendto(answer(question, LOOPBACK), whence)

        server = Elsewhere(None)
        try:
            report = self.run_with("-k", "-4", "-f", "json", "-t", 1, "--connect-timeout", 1.5, "--dns-servers",
                                   "127.0.0.1:%d" % server.port, "https://any.test:%d/ok" % self.origin.https, base=False).report
            self.assertIn(kind(report), ("dns", "timeout"))
            self.assertTrue(server.asked)
        finally:
            server.close()
            other.close()

    def test_a_passing_failure_is_tried_again(self):
        """SERVFAIL to all that is asked for the first try; then the name is there."""
        asked = []

        def reply(question, tcp):
            asked.append(1)
            return answer(question, LOOPBACK) if len(asked) > 3 else answer(question, flags=0x8182)

        server = Resolver(reply)
        try:
            report = self.run_with(*self.trust(), "-4", "-f", "json", "-t", 5, "--retry", 5, "--retry-delay", 0.05, "--dns-servers",
                                   "127.0.0.1:%d" % server.port, "https://any.test:%d/ok" % self.origin.https, base=False).report
        finally:
            server.close()
        self.assertKind(report, "ok")
        self.assertGreater(report["attempts"], 1)
