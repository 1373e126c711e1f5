"""The completions, as they answer to the TAB key in real shells. A shell that is not installed is skipped."""
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from harness import PFETCH, SLOW, TOP

ALL = os.path.join(TOP, "completions")
ESC_STAR = "\x1b*"  # readline: insert all completions; the zsh below is told the same


class Shell(unittest.TestCase):
    """A shell in a terminal, in a directory with a few files; `pfetch` shows the words that it is given."""

    name = None
    arguments = ()
    setup = ""

    def setUp(self):
        if not shutil.which(self.name):
            self.skipTest(self.name + " is not installed")
        self.dir = tempfile.mkdtemp(prefix="pfetch-test-")
        self.addCleanup(shutil.rmtree, self.dir, True)
        os.mkdir(os.path.join(self.dir, "zfolder"))
        for name in ("zlist one", "zother"):
            with open(os.path.join(self.dir, name), "w", encoding="utf-8") as f:
                f.write("one.test\n")
        self.open()

    def open(self):
        """Starts the shell; what it shows is read with said()."""
        pid, self.fd = pty.fork()
        if pid == 0:
            os.chdir(self.dir)
            os.environ.update(HOME=self.dir, TERM="dumb", LC_ALL="C.UTF-8", PS1="", PFETCH_COMPLETIONS=ALL)
            try:
                os.execvp(self.name, [self.name, *self.arguments])
            finally:
                os._exit(127)
        self.addCleanup(self.close, pid)
        self.shown = ""
        self.type(self.setup + "\n")
        self.type("echo read''y\n")
        self.said(r"ready\r?\n")

    def close(self, pid):
        os.close(self.fd)
        end = time.monotonic() + 5
        while os.waitpid(pid, os.WNOHANG)[0] == 0:
            if time.monotonic() > end:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)

    def type(self, text):
        os.write(self.fd, text.encode())

    def said(self, pattern):
        """What matches in the text that the shell shows from now on."""
        end = time.monotonic() + 20 * SLOW
        while time.monotonic() < end:
            found = re.search(pattern, self.shown)
            if found:
                self.shown = self.shown[found.end():]
                return found
            if select.select([self.fd], [], [], 0.2)[0]:
                try:
                    self.shown += os.read(self.fd, 65536).decode("utf-8", "replace")
                except OSError:
                    break
        self.fail("%s did not show %r but %r" % (self.name, pattern, self.shown[-2000:]))

    def words(self, line):
        """The words that pfetch gets of a line that is typed with TAB (or the like) in it."""
        self.type(line + "\n")
        return self.said(r"\{([^{}]*)\}\r?\n").group(1).split("|")[:-1]

    def completed(self, line):
        """The words that a line is completed to by one TAB."""
        return self.words("pfetch " + line + "\t")

    def offered(self, line):
        """All words that could stand where the line ends."""
        return self.words("pfetch " + line + ESC_STAR)[line.count(" "):]


SHOW = "pfetch() { printf '{'; printf '%s|' \"$@\"; printf '}\\n'; }"


class Lines:
    """What holds in every shell that completes in place."""

    def test_options(self):
        self.assertEqual(self.completed("--comp"), ["--comp"])
        self.assertEqual(self.completed("--compre"), ["--compressed"])
        self.assertEqual(self.completed("--dns-"), ["--dns-servers"])

    def test_values(self):
        self.assertEqual(self.completed("--mode pr"), ["--mode", "process"])
        self.assertEqual(self.completed("-m thr"), ["-m", "thread"])
        self.assertEqual(self.completed("--mode=ser"), ["--mode=serial"])
        self.assertEqual(sorted(self.offered("--mode ")), ["process", "serial", "thread"])
        self.assertEqual(sorted(self.offered("--format ")), ["body", "json", "none", "text"])
        self.assertEqual(sorted(self.offered("--tls-min ")), ["1.2", "1.3"])

    def test_files(self):
        for option in ("--output", "-o", "--input", "-i", "--joblog", "--cacert", "--warc", "--config"):
            self.assertEqual(self.completed(option + " zl"), [option, "zlist one"])
        self.assertEqual(self.completed("--output=zo"), ["--output=zother"])

    def test_folders(self):
        self.assertEqual(self.completed("-d z")[1].rstrip("/"), "zfolder")
        self.assertEqual(self.completed("--output-dir=z")[0].rstrip("/"), "--output-dir=zfolder")

    def test_numbers_are_not_files(self):
        self.assertEqual(self.completed("--workers z"), ["--workers", "z"])

    def test_users(self):
        self.assertEqual(self.completed("--user nobod"), ["--user", "nobody"])


class Bash(Lines, Shell):
    name = "bash"
    arguments = ("--norc", "--noprofile", "-i")
    setup = SHOW + "\n. \"$PFETCH_COMPLETIONS/pfetch.bash\"\nbind 'set bell-style none'"

    def test_with_the_words_of_bash_completion(self):
        """The package bash-completion finds it by the program's name, and loads it on the first TAB."""
        loader = "/usr/share/bash-completion/bash_completion"
        if not os.path.exists(loader):
            self.skipTest("bash-completion is not installed")
        os.mkdir(os.path.join(self.dir, "completions"))
        shutil.copy(os.path.join(ALL, "pfetch.bash"), os.path.join(self.dir, "completions"))
        self.type("complete -r pfetch; BASH_COMPLETION_USER_DIR=\"$PWD\"; . %s; echo load''ed\n" % loader)
        self.said(r"loaded\r?\n")
        self.assertEqual(self.completed("--mode pr"), ["--mode", "process"])
        self.assertEqual(self.completed("--mode=thr"), ["--mode=thread"])


class Zsh(Lines, Shell):
    name = "zsh"
    arguments = ("-f", "-i")
    setup = (SHOW + "\nfpath=(\"$PFETCH_COMPLETIONS\" $fpath); autoload -Uz compinit; compinit -u -d \"$HOME/dump\"\n"
             "unsetopt beep zle_bracketed_paste 2>/dev/null; unset zle_bracketed_paste; PROMPT=; RPROMPT=; PROMPT_SP=; "
             "zstyle ':completion:every:*' completer _all_matches _complete; zstyle ':completion:every:*' insert true; "
             "zle -C every complete-word _generic; bindkey '\\e*' every")


class Fish(unittest.TestCase):
    """fish says itself what it would offer (complete -C)."""

    def setUp(self):
        if not shutil.which("fish"):
            self.skipTest("fish is not installed")
        self.dir = tempfile.mkdtemp(prefix="pfetch-test-")
        self.addCleanup(shutil.rmtree, self.dir, True)
        os.mkdir(os.path.join(self.dir, "zfolder"))
        with open(os.path.join(self.dir, "zlist"), "w", encoding="utf-8") as f:
            f.write("one.test\n")

    def offered(self, line):
        script = "function pfetch; end; source %s/pfetch.fish; complete -C %s" % (ALL, "'pfetch %s'" % line)
        result = subprocess.run(["fish", "--no-config", "-c", script], cwd=self.dir, capture_output=True, text=True,
                                timeout=30 * SLOW, check=True, env={**os.environ, "HOME": self.dir})
        self.assertEqual(result.stderr, "")
        return [x.split("\t")[0] for x in result.stdout.splitlines()]

    def test_options(self):
        self.assertEqual(sorted(self.offered("--comp")), ["--compare", "--compare-rounds", "--compressed"])

    def test_values(self):
        self.assertEqual(sorted(self.offered("--mode ")), ["process", "serial", "thread"])
        self.assertEqual(self.offered("-m thr"), ["thread"])
        self.assertEqual(self.offered("--mode=ser"), ["--mode=serial"])
        self.assertEqual(sorted(self.offered("--tls-min ")), ["1.2", "1.3"])

    def test_files_and_folders(self):
        self.assertEqual(self.offered("--output z"), ["zfolder/", "zlist"])
        self.assertEqual(self.offered("-d z"), ["zfolder/"])
        self.assertEqual(self.offered("--workers z"), [])

    def test_users(self):
        self.assertEqual(self.offered("--user nobod"), ["nobody"])


class Table(unittest.TestCase):
    def test_every_option_of_the_help_is_offered(self):
        """The files of all three shells name every long option that --help names."""
        said = subprocess.run([PFETCH, "--help"], capture_output=True, text=True, timeout=30, check=True).stdout
        names = set(re.findall(r"(?<![\w-])--([a-z][a-z0-9-]+)", said))
        self.assertGreater(len(names), 50)
        for file, form in (("pfetch.bash", "--%s"), ("_pfetch", "--%s"), ("pfetch.fish", "-l %s")):
            with open(os.path.join(ALL, file), encoding="utf-8") as f:
                text = f.read()
            for name in names:
                self.assertRegex(text, re.escape(form % name) + r"(?![a-z-])")
