"""Runs one instance of a Lambda function: its unpacked code in a child process, with the environment variables that
Lambda sets."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import threading
import time
import uuid
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, cast

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from emulation.edge_access import edge_environment
from emulation.lambda_runtime.deployed import Code
from emulation.layout import Sandbox

_BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
# The number of seconds that a Lambda function may take to load its code. Lambda allows ten seconds for code outside of
# the handler. The emulation allows more, because code loads slowly on a busy machine.
_LOADING_SECONDS = 60.0
# The number of seconds after which a new process replaces the process of an instance. Lambda ends instances every few
# hours, even instances that are invoked continuously (Lambda Developer Guide, "Understanding the Lambda execution
# environment lifecycle"). The time must be shorter than the lifetime of the credentials (roles.py), because the
# emulated AWS refuses expired credentials.
_LIFETIME_SECONDS = 2 * 3_600.0
_INHERITED_VARIABLES = ("PATH", "HOME", "LANG", "TMPDIR")


class FunctionError(Exception):
    """Raised when a Lambda function fails: it did not start, raised an exception, ended its process or exceeded its
    timeout. The error's message says which of these happened.
    """


class Instance:
    """One instance of a Lambda function, which handles one event at a time. The process of the instance starts with the
    first event. Its environment has the credentials of the function's role. After some hours, a new process with new
    credentials replaces it. `now` returns the time in seconds since 1970.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        code: Code,
        credentials: Callable[[Code], Mapping[str, str]],
        now: Callable[[], float] = time.time,
    ) -> None:
        self.code = code
        self._credentials = credentials
        self._now = now
        self._ends = 0.0
        self._sandbox = sandbox
        self._directory = sandbox.path("functions", code.region, code.name, code.digest.replace("/", "_"), "x").parent
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def invoke(self, event: Any) -> Any:
        """Invokes the Lambda function with the event and returns the function's result. Raises FunctionError if the
        function fails.
        """
        with self._lock:
            request = json.dumps({"id": str(uuid.uuid4()), "event": event})
            answer = self._exchange(self._started(), self.code.timeout, request)
        if "error" in answer:
            raise FunctionError(f"{self.code.name} raised {answer['error']}")
        return answer["result"]

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def _exchange(self, process: subprocess.Popen[str], seconds: float, request: str = "") -> Mapping[str, Any]:
        """Sends a request to the process of a Lambda function and returns the JSON object in the next line of the
        process's output.

        If `request` is empty, the method sends nothing and only waits for the line. Raises FunctionError when the
        process ends or exceeds the time limit.
        """
        timer = threading.Timer(seconds, process.kill)
        timer.start()
        try:
            if request:
                cast(IO[str], process.stdin).write(f"{request}\n")
                cast(IO[str], process.stdin).flush()
            line = cast(IO[str], process.stdout).readline()
        except BrokenPipeError:
            line = ""
        finally:
            timer.cancel()
        if not line:
            self.stop()
            raise FunctionError(f"{self.code.name} ended, or took longer than {seconds} s")
        return json.loads(line)

    def _started(self) -> subprocess.Popen[str]:
        if self._now() >= self._ends:
            self.stop()
        if self._process is None or self._process.poll() is not None:
            try:
                self._unpack()
                environment = self._environment()
            except (BotoCoreError, ClientError, httpx.HTTPError) as error:
                raise FunctionError(f"{self.code.name} does not start: {error}") from error
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-S", _BOOTSTRAP, self._directory, self.code.handler],
                cwd=self._directory,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            self._ends = self._now() + _LIFETIME_SECONDS
            self._exchange(self._process, _LOADING_SECONDS)
        return self._process

    def _unpack(self) -> None:
        if not any(self._directory.iterdir()):
            packed = httpx.get(self.code.location, timeout=60).raise_for_status().content
            # The code is unpacked into a temporary directory, which is then renamed. The function's directory therefore
            # stays empty until the code is complete. If this process is killed before the rename, the next process
            # finds an empty directory and unpacks the code.
            draft = self._directory.with_name(f"{self._directory.name}.new")
            shutil.rmtree(draft, ignore_errors=True)
            with zipfile.ZipFile(io.BytesIO(packed)) as file:
                file.extractall(draft)
            self._directory.rmdir()
            draft.rename(self._directory)

    def _environment(self) -> dict[str, str]:
        """Returns the environment variables of a Lambda function's process: the function's own variables, the variables
        that Lambda sets, and the addresses of the emulated clouds.
        """
        return {
            **{name: os.environ[name] for name in _INHERITED_VARIABLES if name in os.environ},
            **dict(self.code.variables),
            # Python's option `-S` makes the process ignore .pth files. Otherwise, the .pth file of this project's
            # editable install (`pip install -e`) would add the checkout to sys.path. The option also removes the
            # directory of installed packages from sys.path. PYTHONPATH therefore names this directory.
            "PYTHONPATH": sysconfig.get_path("purelib"),
            "AWS_LAMBDA_FUNCTION_NAME": self.code.name,
            "AWS_REGION": self.code.region,
            "AWS_DEFAULT_REGION": self.code.region,
            **self._credentials(self.code),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self._sandbox.aws_url,
            "CLOUDFLARE_BASE_URL": self._sandbox.cloudflare_url,
            **edge_environment(self._sandbox),
        }
