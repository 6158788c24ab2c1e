"""Tries the README's two commands as a stranger would: from a wheel, in empty directories, outside the clone.

    python tests/readme_commands.py WHEEL

Reads the commands out of README.md, so that the README cannot promise what does not work. ``forebear`` is installed
from the wheel instead of the clone; everything else is run as written.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def commands(readme: str) -> tuple[str, str]:
    """The two commands of the README: the main job and the tests."""
    blocks = re.findall(r"<!-- command: (\w+) -->\n```sh\n(.*?)\n```", readme, re.DOTALL)
    found = dict(blocks)
    return found["run"], found["test"]


def main() -> None:
    """Run the first command from the wheel; check that the second is the one that .ci/run runs."""
    wheel = Path(sys.argv[1]).resolve()
    run, test = commands((ROOT / "README.md").read_text())
    assert "pytest" in test, test
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        line = run.replace("install -q . ", f"install -q '{wheel}' ")
        assert str(wheel) in line, f"the README's first command installs nothing from the clone: {run}"
        environment = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "PYTHONPATH")}
        environment["FOREBEAR_HOME"] = str(folder / "home")
        done = subprocess.run(line, shell=True, cwd=folder, env=environment, capture_output=True, text=True)
        sys.stdout.write(done.stdout)
        sys.stderr.write(done.stderr)
        assert done.returncode == 0, f"exit {done.returncode}: {line}"
        for expected in ("finetune", "permuted", "twin", "not independent"):
            assert expected in done.stdout, f"{expected!r} is not in the output of the demo"
        program = next(folder.glob("*/bin/forebear"))
        scan = subprocess.run(
            [
                program,
                "scan",
                str(next(folder.glob("*/lib/python*/site-packages/forebear/data/demo/finetune"))),
            ],
            env=environment,
            capture_output=True,
            text=True,
        )
        sys.stdout.write(scan.stdout)
        assert scan.returncode == 0 and "inconclusive" in scan.stdout and "forebear index add" in scan.stdout
        size = sum(f.stat().st_size for f in folder.glob("*/lib/**/*") if f.is_file())
        pip = sum(f.stat().st_size for f in folder.glob("*/lib/python*/site-packages/pip*/**/*") if f.is_file())
        tools = sum(
            f.stat().st_size for f in folder.glob("*/lib/python*/site-packages/setuptools*/**/*") if f.is_file()
        )
        megabytes = (size - pip - tools) / 1e6
        sys.stdout.write(f"installed size without pip and setuptools: {megabytes:.0f} MB\n")
        assert megabytes < 150, "the default install should stay near 110 MB"


if __name__ == "__main__":
    main()
