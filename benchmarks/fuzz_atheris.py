"""Every reader led by coverage, with atheris: python fuzz_atheris.py [READER ...] [--seconds 600] [--corpus DIR]

For nights: ``pip install atheris`` (Python 3.11 on Linux). Each reader is run in a process of its own, for so many
seconds of the clock, from the inputs of ``tests/corpus``, of the corpus and from the whole document (``fuzz.py`` says
what is read). What reaches code that nothing has reached before is kept in the corpus. An input that ends in anything
but "read" or a refusal in one line, takes more than a minute, or more than two gigabytes, is written to
``CORPUS/failed`` and the exit code is 1; once the reader is mended, it belongs into ``tests/corpus``.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

SLOWEST, MEMORY = 60, 2_000
"""Seconds of one input, and megabytes of the process."""


def one(reader: str, seconds: int, corpus: Path) -> None:
    """Fuzz one reader in this process, which atheris ends."""
    import atheris

    with atheris.instrument_imports(include=["forebear"]):
        from fuzz import KEPT, prepared

    with tempfile.TemporaryDirectory() as name:
        file, refusal = prepared(reader, Path(name))
        grown, seeds = corpus / reader, corpus / "seeds" / reader
        for folder in (grown, seeds, corpus / "failed"):
            folder.mkdir(parents=True, exist_ok=True)
        (seeds / "whole").write_bytes(file.read_bytes())
        places = [grown, seeds, *([KEPT / reader] if (KEPT / reader).is_dir() else [])]

        def test(data: bytes) -> None:
            file.write_bytes(data)
            refusal()

        options = [
            f"-max_total_time={seconds}",
            f"-timeout={SLOWEST}",
            f"-rss_limit_mb={MEMORY}",
            f"-artifact_prefix={corpus / 'failed'}/{reader}-",
            f"-max_len={max(4_096, 2 * file.stat().st_size)}",
            "-print_final_stats=1",
        ]
        atheris.Setup([sys.argv[0], *options, *map(str, places)], test)
        atheris.Fuzz()


def main() -> None:
    """Fuzz the readers that are named, else all of them, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("readers", nargs="*", metavar="READER", help="see fuzz.py --help")
    parser.add_argument("--seconds", type=int, default=600, help="for each")
    parser.add_argument("--corpus", type=Path, default=Path("corpus-atheris"))
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        parser.error("atheris is not installed: pip install atheris, with Python 3.11 on Linux")
    if arguments.here:
        one(arguments.readers[0], arguments.seconds, arguments.corpus)
        return
    from fuzz import READERS

    if unknown := set(arguments.readers) - set(READERS):
        parser.error(f"no reader {', '.join(sorted(unknown))}")
    failed = []
    for reader in arguments.readers or READERS:
        call = [sys.executable, __file__, reader, "--here", "--seconds", str(arguments.seconds)]
        done = subprocess.run([*call, "--corpus", str(arguments.corpus)], capture_output=True, text=True, check=False)
        told = [
            line for line in done.stderr.splitlines() if line.startswith(("stat::number_of_exec", "stat::new_units"))
        ]
        print(f"{reader}: {'; '.join(' '.join(line[6:].split()) for line in told)}", flush=True)
        if done.returncode:
            failed.append(reader)
            print("\n".join(done.stderr.splitlines()[-30:]), flush=True)
    raise SystemExit(f"failed: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
