"""Ask the service everything that its own description allows, and much that it does not (schemathesis).

    python service_schema.py --examples 100

Requests are made from ``/openapi.json``, right ones and wrong ones, with a token that may do everything; no answer may
be an error of the service's own or one that the description does not have. Jobs are taken and not run.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from forebear.web.crew import Crew
from forebear.web.rates import Rates
from forebear.web.settings import Settings
from forebear.web.tokens import SCOPES, make_token
from services import listening

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,negative_data_rejection,missing_required_header,unsupported_method,ignored_auth"
)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=100, help="of every operation and phase")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--phases", default="examples,coverage,fuzzing,stateful", help="of schemathesis")
    asked = parser.parse_args()
    if importlib.util.find_spec("schemathesis") is None:
        raise SystemExit("schemathesis is not here: pip install schemathesis")
    Crew._work = lambda self: self._stopping.wait()  # type: ignore[method-assign, assignment]
    with tempfile.TemporaryDirectory() as place:
        os.environ["FOREBEAR_HOME"] = place
        settings = Settings(Path(place, "own"), rate=1e6, burst=10**6, queued=10**6, uploads=10**5, streams=10**4)
        with listening(settings) as (app, (host, port)):
            app.state.service.failures = Rates(1e6, 10**6)  # its wrong tokens are many, and all of one address
            token, text = make_token("schemathesis", SCOPES)
            app.state.service.store.add_token(token)
            command = [sys.executable, "-m", "schemathesis.cli", "run", f"http://{host}:{port}/openapi.json"]
            command += ["--header", f"Authorization: Bearer {text}", "--checks", CHECKS, "--seed", str(asked.seed)]
            command += ["--max-examples", str(asked.examples), "--exclude-path-regex", "/events$", "--no-color"]
            command += ["--phases", asked.phases, "--generation-database", "none", "--suppress-health-check", "all"]
            done = subprocess.run(command, cwd=place)
    raise SystemExit(done.returncode)


if __name__ == "__main__":
    main()
