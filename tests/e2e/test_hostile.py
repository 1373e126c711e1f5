"""Servers that stall, dribble, flood and lie: each is one report, and the run goes on."""
from harness import Case, kind, memory_kb, modes, sanitized

HOSTILE = {
    "https://a.test/script?reset": {"truncated"},
    "https://a.test/script?abrupt": {"truncated"},
    "https://a.test/script?close": {"truncated"},
    "https://a.test/script?wait:5000": {"timeout"},
    "https://a.test/script?repeat:100000:HTTP/1.1%20100%20Continue%0D%0A%0D%0A": {"http"},
    "https://a.test/script?send:HTTP/1.1%20200%20OK%0D%0A;repeat:100000:A:%20bbbbbbbbbbbbbbbbbbbbbbbbbbbbb%0D%0A": {"http"},
    "https://a.test/script?send:HTTP/1.1%20200%20;repeat:1000000:x": {"http"},
    "https://a.test/script?repeat:1000000:%00": {"http"},
    "https://a.test/script?repeat:1000000:%0D%0A": {"http"},
    "https://a.test/script?zeros:100000000": {"http"},
    "https://a.test/script?send:HTTP/1.1%20200%20OK%0D%0A%0D%0A;zeros:200000000": {"too-large"},
    "https://a.test/script?send:HTTP/1.1%20200%20OK%0D%0ATransfer-Encoding:chunked%0D%0A%0D%0A;repeat:10000000:1%0D%0Ax%0D%0A": {"truncated"},
    "https://a.test/script?send:HTTP/1.1%20200%20OK%0D%0ATransfer-Encoding:chunked%0D%0A%0D%0A;repeat:1000000:0": {"http"},
    "https://a.test/script?send:HTTP/1.1%20200%20OK%0D%0ATransfer-Encoding:chunked%0D%0A%0D%0Afffffffffffffff%0D%0A;close": {"truncated", "too-large", "http"},
    "https://a.test/script?send:HTTP/1.1%20302%20Found%0D%0ALocation:%20/;repeat:200000:x;send:%0D%0A%0D%0A": {"ok"},
    "https://a.test/bigfield/200000/ok": {"ok"},
    "https://a.test/bigfield/300000/ok": {"http"},
    "https://a.test/fields/900/ok": {"ok"},
    "https://a.test/fields/1100/ok": {"http"},
    "https://a.test/hints/30/ok": {"ok"},
    "https://a.test/hints/33/ok": {"http"},
    "https://a.test/header/Content-Length/7/ok": {"http"},
    "https://a.test/drip/1/20/bytes/1000000": {"timeout"},
    "https://a.test/script?drip:20:" + "HTTP" * 500: {"timeout", "http"},
    "silent.test": {"timeout"}, "garbage.test": {"tls"}, "ssh.test": {"tls"}, "plain.test": {"tls"},
    "ticketflood.test": {"ok", "tls", "truncated"}, "keyupdates.test": {"ok", "tls", "truncated"},
    "renegotiate.test": {"ok", "tls", "truncated"}, "manynames.test": {"ok"}, "deep.test": {"ok", "certificate"},
    "halfhello.test": {"timeout"},
}


class Hostile(Case):
    def test_each_and_the_good_ones_between(self):
        lines = []
        for target in HOSTILE:
            lines += [target, "https://good.test/bytes/3000"]
        for mode in self.each_mode():
            with self.subTest(mode=mode):
                result = self.json("-m", mode, "-w", 4, "-t", 2, "--max-time", 8, "--max-size", "20M", lines=lines, timeout=300)
                got = result.kinds
                self.assertEqual(len(got), len(lines))
                for at, target in enumerate(HOSTILE):
                    with self.subTest(target=target[:120]):
                        self.assertIn(got[2 * at], HOSTILE[target])
                        self.assertEqual(got[2 * at + 1], "ok")

    @modes("serial")
    def test_in_bounded_memory(self):
        if sanitized():
            self.skipTest("figures say nothing here")
        flood = ["https://a.test/script?send:HTTP/1.1%20200%20OK%0D%0A;repeat:3000000:A:%20bbbbbbbbbbbbbbbbbbbbbbbbbbbbb%0D%0A",
                 "https://a.test/script?repeat:30000000:%0D%0A", "https://a.test/script?send:HTTP/1.1%20200%20;repeat:90000000:x",
                 "https://a.test/bytes/300000000"]
        process = self.start("-m", "serial", "-f", "none", "-w", "1", "-t", "20", *flood, "https://z.test/stall/5/bytes/9")
        self.wait_until(lambda: any("stall" in e.get("line", "") for e in self.origin.events("request")), "the last fetch", 60)
        peak = memory_kb(process.pid, "VmHWM")
        process.terminate()
        self.finish(process)
        self.assertLess(peak, 50000)

    def test_names_in_messages_are_escaped(self):
        for path in ("/script?send:%1B[2J%07bad%0D%0A%0D%0A", "/script?send:HTTP/1.1%20200%20OK%0D%0A%1B]0;x%07:%20y%0D%0A%0D%0A",
                     "/header/X/%C2%9B31m/ok"):
            for form in ("text", "json", "body"):
                result = self.run_with("-v", "-f", form, "https://a.test" + path)
                self.assertNotIn(b"\x1b", result.out + result.err_bytes)
                self.assertNotIn(b"\x07", result.out + result.err_bytes)
                self.assertNotIn("\x9b", (result.out + result.err_bytes).decode("utf-8"))
                self.assertIn(kind(self.fetch("https://a.test" + path)), ("ok", "http"))
