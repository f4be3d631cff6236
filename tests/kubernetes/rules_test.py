# SPDX-License-Identifier: Apache-2.0
#
# tools/check-kubernetes: the file of deploy/kubernetes breaks no rule; each rule is
# told when a change breaks it; what is no such file is told as that.
import importlib.machinery
import importlib.util
import os
import subprocess
import sys
import tempfile
import unittest

TOOL = os.path.abspath("tools/check-kubernetes")
loader = importlib.machinery.SourceFileLoader("check_kubernetes", TOOL)
tool = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
loader.exec_module(tool)

MANIFEST = "deploy/kubernetes/pinion-server.yaml"
# Which tests/server/config reads as the server does.
EXAMPLE = "server/examples/config/kubernetes.yaml"

# What is changed into what, each once or as often as said, and what is told.
BREAKS = [
    ("terminationGracePeriodSeconds: 30", "terminationGracePeriodSeconds: 25",
     "terminationGracePeriodSeconds is 25, and must be at least 26: lame_duck 10 s + grace 15 s + 1 s"),
    ("      terminationGracePeriodSeconds: 30\n", "      terminationGracePeriodSeconds: 5\n",
     "terminationGracePeriodSeconds is 5,"),
    ("      grace: 15s", "      grace: 1m30s", "lame_duck 10 s + grace 90 s"),
    ("          resources:\n", "          lifecycle: {preStop: {sleep: {seconds: 5}}}\n          resources:\n",
     "must be at least 31: lame_duck 10 s + grace 15 s + 1 s + preStop 5 s"),
    ("lame_duck: 10s", "lame_duck: 4500ms", "lame_duck is 4.5 s, and must be at least 5 s"),
    ("periodSeconds: 2\n", "periodSeconds: 5\n",
     "lame_duck is 10 s, and must be longer than periodSeconds x failureThreshold of readinessProbe, 10 s"),
    ('probe_listen: "[::]:8080"', 'probe_listen: "[::1]:8080"', "probe_listen is ::1, and the kubelet asks from outside of the pod"),
    ('probe_listen: "[::]:8080"', 'probe_listen: "[::]:8087"',
     "startupProbe asks /startupz of probes, and should ask /startupz of 8087"),
    ("path: /healthz", "path: /readyz", "livenessProbe asks /readyz of probes, and should ask /healthz"),
    ("          livenessProbe:\n            httpGet:\n              path: /healthz\n"
     "              port: probes\n",
     "          livenessProbe:\n            tcpSocket: {port: probes}\n",
     "livenessProbe asks nothing by httpGet, and should ask /healthz"),
    ("failureThreshold: 60", "failureThreshold: 10", "startupProbe gives up after 10 s"),
    ("periodSeconds: 10\n", "periodSeconds: 5\n", "livenessProbe gives up after 15 s, and must wait for at least 30"),
    ("periodSeconds: 2\n", "periodSeconds: 60\n", "must wait longer than readinessProbe, 120 s"),
    (' listen: "[::]:50051"\n', ' listen: "localhost:50051"\n', "listen is localhost, which no other pod reaches"),
    ("allow_unencrypted_public_traffic: true", "allow_unencrypted_public_traffic: false",
     "allow_unencrypted_public_traffic is not true"),
    ("containerPort: 50051", "containerPort: 50052", "the Service sends to grpc, and the server listens on 50051"),
    ("grpc_memory_bytes: 512MiB", "grpc_memory_bytes: 3GiB", "limits.memory is 4096 MiB, and must be at least 4944 MiB"),
    ("kv_bytes: 1GiB", "kv_bytes: 3GiB", "limits.memory is 4096 MiB, and must be at least 4432 MiB"),
    ("io_threads: 1\n", "io_threads: 2\n",
     "workers + io_threads is 3, and limits.cpu is 2"),
    ("max_connections: 4096", "max_connections: 1000000", "max_connections x 20 KiB"),
    ('            limits:\n              cpu: "2"\n              memory: 4Gi', '            limits:\n              cpu: "2"\n              memory: 5Gi',
     "requests.memory is not limits.memory"),
    ('            limits:\n              cpu: "2"', '            limits:\n              cpu: 2500m', "requests.cpu is not limits.cpu"),
    ("cpu_policy: float", "cpu_policy: pin", None),
    ("replicas: 1", "replicas: 2", "replicas is 2"),
    ("type: Recreate", "type: RollingUpdate", "strategy is not Recreate"),
    ("minAvailable: 1", "maxUnavailable: 1", "the PodDisruptionBudget has no minAvailable"),
    ("spec:\n  selector:\n    app.kubernetes.io/name: pinion-server", "spec:\n  selector:\n    app: pinion-server",
     "the selector of the Service is {'app': 'pinion-server'}, which the pod does not have"),
    ("mountPath: /etc/pinion", "mountPath: /etc/other", "--config should be one of ['/etc/other/server.yaml']"),
    ("runAsNonRoot: true", "runAsNonRoot: false", "the pod does not run as a user other than root"),
    ("allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true", "allowPrivilegeEscalation is not false"),
    ("readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "readOnlyRootFilesystem is not true"),
    ('drop: ["ALL"]', 'drop: ["NET_RAW"]', "capabilities are not dropped"),
    ("type: RuntimeDefault", "type: Unconfined", "seccompProfile is not RuntimeDefault"),
]

# What is changed into what, and how it is told that this is no such file.
UNREADABLE = [
    ("kind: Service\n", "kind: Ingress\n", "has no Service"),
    ("apiVersion: v1\n", "apiVersion: [v1\n", "is no YAML"),
    ("    listener:\n", "    listener: {\n", "is no YAML"),
    ("  server.yaml: |\n", "  server.yaml: none\n  other: |\n", "does not say stop.lame_duck"),
    ("kind: ConfigMap\n", "kind: ConfigMap\n---\n- kind\n---\nkind: ConfigMap\n",
     "has something else where an object is needed"),
    ("      lame_duck: 10s\n", "", "the configuration does not say stop.lame_duck"),
    ("lame_duck: 10s", "lame_duck: soon", 'stop.lame_duck is "soon", and should be a time such as 10s'),
    ("server_bytes: 512MiB", "server_bytes: 512Mi", 'memory.server_bytes is "512Mi", and should be a number'),
    ("              cpu: \"2\"\n              memory: 4Gi\n          securityContext",
     "              cpu: \"2\"\n          securityContext", "has no 'memory'"),
]


def read():
    with open(MANIFEST, encoding="utf-8") as file:
        return file.read()


def changed(old, new):
    text = read()
    assert text.count(old) == 1, f"{MANIFEST} has this {text.count(old)} times: {old}"
    return text.replace(old, new)


def run(text, *flags):
    """The tool's exit code, what it prints, and what it prints as an error."""
    with tempfile.NamedTemporaryFile("wb", suffix=".yaml") as file:
        file.write(text if isinstance(text, bytes) else text.encode())
        file.flush()
        done = subprocess.run([sys.executable, TOOL, *flags, file.name], capture_output=True,
                              text=True, check=False)
        return done.returncode, done.stdout, done.stderr.replace(file.name, "FILE")


class RulesTest(unittest.TestCase):

    def test_our_file_breaks_no_rule(self):
        self.assertEqual(run(read()), (0, "ok\n", ""))

    def test_each_broken_rule_is_told(self):
        for old, new, told in BREAKS:
            with self.subTest(new):
                lines = tool.check(changed(old, new))
                if told is None:
                    self.assertEqual(lines, [])
                else:
                    self.assertIn(told, "\n".join(lines))

    def test_several_broken_rules_are_all_told(self):
        text = changed("grace: 15s", "grace: 1h").replace("replicas: 1", "replicas: 3")
        code, out, err = run(text)
        self.assertEqual((code, out.count("\n"), err), (1, 2, ""), out)

    def test_what_is_no_such_file_is_told(self):
        for old, new, told in UNREADABLE:
            with self.subTest(new):
                self.assertTrue(old in read(), f"{MANIFEST} has no {old}")
                with self.assertRaises(tool.Unreadable) as raised:
                    tool.check(read().replace(old, new, 1))
                self.assertIn(told, str(raised.exception))

    def test_what_cannot_be_read_is_told_in_one_line(self):
        for text in (read().replace("apiVersion: v1\n", "apiVersion: [v1\n"), "", "[]", b"\xff\xfe\xff"):
            code, out, err = run(text)
            self.assertEqual((code, out, err.count("\n")), (2, "", 1), err)
            self.assertTrue(err.startswith("check-kubernetes: FILE: "), err)

    def test_the_configuration_is_that_of_the_examples(self):
        with open(EXAMPLE, encoding="utf-8") as file:
            self.assertEqual(run(read(), "--config"), (0, file.read(), ""))


if __name__ == "__main__":
    unittest.main()
