"""A worker taken over: system calls made in its name (x86-64, ptrace), which is what somebody can do who broke into it.

    with Taken(pid) as worker:
        worker.call("socket", AF_UNIX, SOCK_STREAM, 0)      its result, or -errno
        worker.call("openat", AT_FDCWD, b"/etc/passwd\\0", 0)  bytes are put into its memory
A call that ends the worker raises Died, with the signal. A worker is not dumpable: only root can do this.
"""
import ctypes
import os
import platform
import re
import signal
import time

CALLS = {
    "read": 0, "write": 1, "open": 2, "stat": 4, "mprotect": 10, "mmap": 9, "ioctl": 16, "sendfile": 40, "socket": 41, "accept": 43,
    "bind": 49, "listen": 50, "socketpair": 53, "clone": 56, "fork": 57, "vfork": 58, "execve": 59, "kill": 62, "fcntl": 72,
    "mkdir": 83, "creat": 85, "unlink": 87, "chmod": 90, "ptrace": 101, "setuid": 105, "setgroups": 116, "personality": 135,
    "shmget": 29, "msgget": 68, "prctl": 157, "setrlimit": 160, "chroot": 161, "mount": 165, "reboot": 169, "init_module": 175,
    "tgkill": 234, "keyctl": 250, "openat": 257, "unshare": 272, "splice": 275, "accept4": 288, "perf_event_open": 298,
    "prlimit64": 302, "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312, "seccomp": 317,
    "memfd_create": 319, "bpf": 321, "execveat": 322, "userfaultfd": 323, "pkey_mprotect": 329, "pidfd_send_signal": 424,
    "io_uring_setup": 425, "pidfd_open": 434, "clone3": 435, "openat2": 437, "pidfd_getfd": 438, "rename": 82, "symlink": 88,
    "truncate": 76, "ftruncate": 77, "sendmsg": 46, "getpid": 39,
}
SEIZE, INTERRUPT, SINGLESTEP, GETREGS, SETREGS, DETACH = 0x4206, 0x4207, 9, 12, 13, 17
WALL = 0x40000000

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.restype = ctypes.c_long
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def possible():
    """None, or why no worker can be taken over here."""
    if platform.machine() != "x86_64":
        return "knows x86-64 only"
    if os.geteuid() != 0:
        return "needs root: workers are not dumpable"
    return None


class Died(Exception):
    """The worker is gone; `signal` says by which, None if it exited."""

    def __init__(self, status):
        self.signal = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        super().__init__("ended by signal %s" % self.signal)


class Registers(ctypes.Structure):
    _fields_ = [(n, ctypes.c_ulonglong) for n in (
        "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base ds es fs "
        "gs").split()]


class Taken:
    def __init__(self, pid):
        self.pid = pid
        self.ptrace(SEIZE)
        self.ptrace(INTERRUPT)
        self.wait()
        self.registers = Registers()
        self.ptrace(GETREGS, ctypes.byref(self.registers))
        self.instruction = self.find_syscall()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.release()

    def ptrace(self, request, data=None):
        if libc.ptrace(request, self.pid, None, data) < 0:
            raise OSError(ctypes.get_errno(), "ptrace %#x: %s" % (request, os.strerror(ctypes.get_errno())))

    def wait(self):
        _, status = os.waitpid(self.pid, WALL)
        if not os.WIFSTOPPED(status):
            self.pid = None
            raise Died(status)
        return status

    def find_syscall(self):
        with open("/proc/%d/maps" % self.pid, encoding="ascii") as maps, open("/proc/%d/mem" % self.pid, "rb", 0) as memory:
            for line in maps:
                m = re.match(r"([0-9a-f]+)-([0-9a-f]+) r-xp .*libc", line)
                if m:
                    start, end = int(m[1], 16), int(m[2], 16)
                    memory.seek(start)
                    return start + memory.read(end - start).index(b"\x0f\x05")
        raise RuntimeError("no libc in the worker")

    def place(self, data):
        """Puts bytes below its stack; their address."""
        self.room -= (len(data) + 63) // 64 * 64
        with open("/proc/%d/mem" % self.pid, "r+b", 0) as memory:
            memory.seek(self.room)
            memory.write(data)
        return self.room

    def peek(self, address, length):
        with open("/proc/%d/mem" % self.pid, "rb", 0) as memory:
            memory.seek(address)
            return memory.read(length)

    def call(self, name, *args):
        """One system call; its result, negative for an error."""
        self.room = self.registers.rsp - 4096
        number = CALLS[name] if isinstance(name, str) else name
        values = [self.place(a) if isinstance(a, bytes) else a & (1 << 64) - 1 for a in args] + [0] * (6 - len(args))
        r = Registers()
        ctypes.memmove(ctypes.byref(r), ctypes.byref(self.registers), ctypes.sizeof(r))
        r.rip, r.rax, r.orig_rax = self.instruction, number, (1 << 64) - 1
        r.rdi, r.rsi, r.rdx, r.r10, r.r8, r.r9 = values
        self.ptrace(SETREGS, ctypes.byref(r))
        self.ptrace(SINGLESTEP)
        status = self.wait()
        if os.WSTOPSIG(status) != signal.SIGTRAP:
            raise RuntimeError("stopped by signal %d" % os.WSTOPSIG(status))
        self.ptrace(GETREGS, ctypes.byref(r))
        result = ctypes.c_longlong(r.rax).value
        self.last_address = values[1]
        return result

    def read(self, fd, length):
        """What it can read from one of its descriptors; None where there is nothing now."""
        n = self.call("read", fd, bytes(length), length)
        if n < 0:
            return None
        return self.peek(self.last_address, n)

    def write(self, fd, data):
        return self.call("write", fd, data, len(data))

    def wait_gone(self, seconds):
        """Keeps it stopped until somebody has ended it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, WALL | os.WNOHANG)
            if pid and not os.WIFSTOPPED(status):
                self.pid = None
                raise Died(status)
            time.sleep(0.01)

    def release(self):
        """Goes on as if nothing had been."""
        if self.pid is None:
            return
        try:
            self.ptrace(SETREGS, ctypes.byref(self.registers))
            self.ptrace(DETACH)
        except OSError:
            pass
        self.pid = None
