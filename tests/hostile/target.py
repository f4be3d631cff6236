# SPDX-License-Identifier: Apache-2.0
#
# The pinion-server that hostile clients are tried at.
import subprocess


class Target:
    """A server with one worker, on loopback; `address` is "host:port"."""

    def __init__(self, *flags):
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            ["server/pinion-server", "--listen=127.0.0.1:0", "--workers=1", *flags],
            stdout=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().split()[2].rstrip(";")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    @property
    def host_and_port(self):
        host, port = self.address.rsplit(":", 1)
        return host, int(port)
