"""The README's journey, run as it stands there."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.marks import PATIENCE, needs
from tests.support.service import free_port

_ROOT = Path(__file__).resolve().parents[2]
_OATHTOOL = f"""#!{sys.executable}
# Stands in for oathtool where it is not installed: RFC 6238 by hand, now or one step later.
import base64, hashlib, hmac, struct, sys, time
counter = int(time.time()) // 30 + ("-N" in sys.argv)
mac = hmac.digest(base64.b32decode(sys.argv[-1]), struct.pack(">Q", counter), hashlib.sha1)
print(f"{{(struct.unpack('>I', mac[mac[-1] & 15 :][:4])[0] & 0x7FFFFFFF) % 10**6:06d}}")
"""


def _journey() -> str:
    found = re.search(r"<!-- journey.*?-->\n```sh\n(.*?)```", (_ROOT / "README.md").read_text(), re.DOTALL)
    assert found
    return found[1]


@pytest.fixture
def dev(tmp_path: Path) -> Iterator[tuple[int, str]]:
    """`twokeys dev` on a port of its own, and the password that it printed."""
    port = free_port()
    command = [sys.executable, "-m", "app", "dev", "--port", str(port), "--data", str(tmp_path / "data")]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TWOKEYS_")}
    with subprocess.Popen(
        command, cwd=_ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout
        password = next(line.split()[-1] for line in process.stdout if "password" in line.lower())
        yield port, password
        process.terminate()
        process.stdout.read()


@needs("curl")
def test_the_journey_in_five_curl_commands(dev: tuple[int, str], tmp_path: Path) -> None:
    port, password = dev
    path = os.environ["PATH"]
    if shutil.which("oathtool") is None:
        stand_in = tmp_path / "oathtool"
        stand_in.write_text(_OATHTOOL)
        stand_in.chmod(0o755)
        path = f"{tmp_path}:{path}"
    assert _journey().count("curl -sS") == 5
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", _journey()],
        env={"PATH": path, "API": f"http://127.0.0.1:{port}/v1", "PASSWORD": password},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "2"), done.stderr
