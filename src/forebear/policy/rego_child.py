"""The process in which rules in Rego are evaluated: alone, because the engine is foreign code that can end a process.

Reads ``{"text": …, "package": …, "input": …}`` from standard input and writes the package's rules, or ``{"error": …}``.
It is run as a script and imports nothing of Forebear.
"""

from __future__ import annotations

import json
import re
import sys


def main() -> None:
    """Answer the one request on standard input."""
    import regopy

    asked = json.load(sys.stdin)
    regopy.set_default_log_level("None")  # it would print what it finds wrong
    interpreter = regopy.Interpreter()
    try:
        interpreter.add_module("policy.rego", asked["text"])
        interpreter.set_input(asked["input"])
        found = json.loads(str(interpreter.query(f"data.{asked['package']}")))
    except (regopy.RegoError, ValueError) as error:
        said = re.search(r"\(errormsg \d+:([^)\n]*)", str(error))
        answer = {"error": said[1] if said else str(error)[:400]}
    else:
        rules = found.get("expressions", [{}])[0] if isinstance(found, dict) else {}
        answer = {"rules": rules if isinstance(rules, dict) else {}}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
