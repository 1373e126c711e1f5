"""examples/kubernetes-job.yaml: its fields against the API's, and its command as an Indexed Job would run it.

./scripts/check kubernetes checks it against the API's own schema as well, which an npm package has."""
import json
import os
import re
import subprocess
import unittest

from harness import PFETCH, SLOW, TOP, Case, children, end_session, environment, once

try:
    import yaml
except ImportError:
    yaml = None

MANIFEST = os.path.join(TOP, "examples", "kubernetes-job.yaml")


class Quantity(str):
    """A field that holds 128Mi, 500m or 2."""


# The part of batch/v1 and core/v1 (Kubernetes 1.21 on) that such a job may use: a dict has these fields and no
# others, a list has items of this kind, {"*": kind} has any names; a tuple lists the values that are allowed.
SECURITY = {"runAsNonRoot": bool, "runAsUser": int, "runAsGroup": int,
            "seccompProfile": {"type": ("RuntimeDefault", "Unconfined", "Localhost"), "localhostProfile": str}}
CONTAINER = {
    "name": str, "image": str, "imagePullPolicy": ("Always", "IfNotPresent", "Never"), "command": [str], "args": [str],
    "workingDir": str, "env": [{"name": str, "value": str}],
    "resources": {"requests": {"*": Quantity}, "limits": {"*": Quantity}},
    "volumeMounts": [{"name": str, "mountPath": str, "readOnly": bool, "subPath": str}],
    "securityContext": {**SECURITY, "allowPrivilegeEscalation": bool, "readOnlyRootFilesystem": bool, "privileged": bool,
                        "capabilities": {"add": [str], "drop": [str]}},
}
POD = {
    "restartPolicy": ("OnFailure", "Never"), "automountServiceAccountToken": bool, "enableServiceLinks": bool,
    "terminationGracePeriodSeconds": int, "securityContext": {**SECURITY, "fsGroup": int}, "containers": [CONTAINER],
    "volumes": [{"name": str, "persistentVolumeClaim": {"claimName": str, "readOnly": bool},
                 "configMap": {"name": str}, "emptyDir": {"sizeLimit": Quantity}}],
}
META = {"name": str, "namespace": str, "labels": {"*": str}, "annotations": {"*": str}}
JOB = {
    "apiVersion": ("batch/v1",), "kind": ("Job",), "metadata": META,
    "spec": {"completionMode": ("Indexed",), "completions": int, "parallelism": int, "backoffLimit": int,
             "activeDeadlineSeconds": int, "ttlSecondsAfterFinished": int, "suspend": bool,
             "template": {"metadata": META, "spec": POD}},
}


def faults(value, kind, where="job"):
    """What is wrong with a value, as sentences."""
    if isinstance(kind, dict):
        if not isinstance(value, dict):
            return ["%s is no mapping" % where]
        found = []
        for name, inner in value.items():
            if not isinstance(name, str) or name not in kind and "*" not in kind:
                found.append("%s has no field %s" % (where, name))
            else:
                found += faults(inner, kind.get(name, kind.get("*")), where + "." + name)
        return found
    if isinstance(kind, list):
        if not isinstance(value, list):
            return ["%s is no list" % where]
        return [f for i, x in enumerate(value) for f in faults(x, kind[0], "%s[%d]" % (where, i))]
    if isinstance(kind, tuple):
        return [] if value in kind else ["%s is %r and none of %r" % (where, value, kind)]
    if kind is Quantity:
        right = isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?(m|[kMGTPE]|[KMGTPE]i)?", value)
        return [] if right else ["%s is %r and no quantity" % (where, value)]
    return [] if type(value) is kind else ["%s is %r and no %s" % (where, value, kind.__name__)]


def manifest():
    with open(MANIFEST, encoding="utf-8") as f:
        return yaml.safe_load(f)


@unittest.skipUnless(yaml, "python3-yaml is not installed")
class Manifest(unittest.TestCase):
    def test_fields(self):
        self.assertEqual(faults(manifest(), JOB), [])

    def test_the_check_finds_faults(self):
        """Misspelt, misplaced, of the wrong type: each is one fault."""
        for path, value in ((("spec", "completion"), 8), (("spec", "completions"), "8"), (("spec", "template", "spec", "nodes"), 1),
                            (("spec", "completionMode"), "NonIndexed"), (("metadata", "labels", "x"), 1),
                            (("spec", "template", "spec", "containers", 0, "resources", "limits", "memory"), "1 GB"),
                            (("spec", "template", "spec", "containers", 0, "env", 0, "value"), 8),
                            (("spec", "template", "spec", "restartPolicy"), "Always")):
            with self.subTest(path=path):
                job = at = manifest()
                for step in path[:-1]:
                    at = at[step]
                at[path[-1]] = value
                self.assertEqual(len(faults(job, JOB)), 1)

    def test_what_belongs_together(self):
        job = manifest()
        spec, pod = job["spec"], job["spec"]["template"]["spec"]
        container = pod["containers"][0]
        label = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
        for name in [job["metadata"]["name"], container["name"]] + [v["name"] for v in pod["volumes"]]:
            self.assertRegex(name, "^" + label + "$")
        self.assertEqual({e["name"]: e["value"] for e in container["env"]}, {"SHARDS": str(spec["completions"])})
        self.assertLessEqual(spec["parallelism"], spec["completions"])
        self.assertGreaterEqual(spec["backoffLimit"], spec["completions"])
        self.assertEqual({m["name"] for m in container["volumeMounts"]}, {v["name"] for v in pod["volumes"]})
        for mount in container["volumeMounts"]:
            self.assertTrue(mount["mountPath"].startswith("/"))
        for key in job["metadata"]["labels"]:
            self.assertRegex(key, r"^([a-z0-9.-]+/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$")
        self.assertEqual(job["metadata"]["labels"], spec["template"]["metadata"]["labels"])
        self.assertNotIn("add", container["securityContext"]["capabilities"])


@unittest.skipUnless(yaml, "python3-yaml is not installed")
@once
class Run(Case):
    """The manifest's command, with its volumes as folders: the controller's part is played here."""

    def pod(self, index, workers=4):
        job = manifest()
        container = job["spec"]["template"]["spec"]["containers"][0]
        shell, flag, text = container["command"]
        self.assertEqual((shell, flag), ("/bin/sh", "-c"))
        for mount in container["volumeMounts"]:
            folder = self.path(mount["name"])
            os.makedirs(folder, exist_ok=True)
            text = re.sub(re.escape(mount["mountPath"]) + r"(?=/)", folder, text)
        text = text.replace("pfetch -i", '"$PFETCH" -i').replace("--workers 64", '--workers %d -t 60 "$@"' % workers)
        env = {e["name"]: e["value"] for e in container["env"]}
        process = subprocess.Popen(
            [shell, flag, text, "sh", *self.trust(), *self.toward()],
            env=environment({**env, "JOB_COMPLETION_INDEX": str(index), "PFETCH": PFETCH, "TMPDIR": self.tmp}),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        self.addCleanup(end_session, process)
        return process

    def done(self, part):
        try:
            with open(self.path("results/%d-of-8.journal" % part), "rb") as f:
                return sum(not line.startswith(b"#") for line in f)
        except OSError:
            return 0

    def test_every_index_does_its_part_and_goes_on_when_started_again(self):
        os.mkdir(self.path("list"))
        # Past the first ones all wait at a gate, which opens for one worker more than the first two pods have.
        lines = ["https://h%d.test%s/text/%d" % (i % 64, "" if i < 128 else "/gate/3/hold", i) for i in range(320)]
        self.write("list/hosts", "\n".join(lines) + "\n")
        pods = {index: self.pod(index, 1) for index in range(2)}
        self.wait_until(lambda: self.done(1) > 3 and self.done(2) > 3, "two pods are at work")
        pods[0].terminate()  # evicted
        pods[1].kill()       # its node died
        for index, pod in pods.items():
            pod.communicate(timeout=30 * SLOW)
            self.assertEqual(pod.returncode, {0: 143, 1: -9}[index])
        self.wait_until(lambda: not any(children(p.pid) for p in pods.values()), "no worker is left")
        before = self.done(1) + self.done(2)
        self.run_with("-w", 3, "-f", "none", *("https://h%d.test/gate/3/hold/text/x" % i for i in range(3)))
        self.origin.events_clear()
        for index in range(8):
            pod = self.pod(index)
            out, err = pod.communicate(timeout=60 * SLOW)
            self.assertEqual((pod.returncode, out), (0, b""), err)
        self.assertEqual(len(self.origin.events("request")), len(lines) - before, "done work was done again")
        with open(MANIFEST, encoding="utf-8") as f:
            merge = next(x[1:].strip() for x in f if x.startswith("#     tac"))
        subprocess.run(["sh", "-ec", merge], cwd=self.path("results"), check=True, timeout=30 * SLOW)
        reports = [json.loads(x) for x in self.read("results/reports.jsonl").splitlines()]
        self.assertEqual(sorted(r["index"] for r in reports), list(range(1, len(lines) + 1)))
        self.assertEqual({r["status"] for r in reports}, {200})
        for r in reports:
            self.assertEqual(r["target"], lines[r["index"] - 1])
        journal = self.read("results/journal").splitlines()
        self.assertEqual(sum(not x.startswith(b"#") for x in journal), len(lines))

    def test_hosts_that_fail_do_not_fail_the_pod(self):
        os.mkdir(self.path("list"))
        self.write("list/hosts", "no target\n")
        for index in range(8):
            pod = self.pod(index)
            pod.communicate(timeout=30 * SLOW)
            self.assertEqual(pod.returncode, 0)

    def test_a_list_that_is_not_there_fails_it(self):
        pod = self.pod(0)
        _, err = pod.communicate(timeout=30 * SLOW)
        self.assertEqual(pod.returncode, 2)
        self.assertIn(b"hosts", err)
