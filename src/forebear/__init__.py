"""Forebear: which known model does this one descend from, and how sure can we be?

    import forebear

    result = forebear.scan("./my-model")        # against the references in FOREBEAR_HOME
    result.verdict, result.ancestors            # frozen values
    result.to_json()                            # what `forebear scan --format json` prints

    forebear.compare("./base", "./suspect").verdict
    forebear.fingerprint("./base").digest
    forebear.family_tree(["./models"]).edges    # who descends from whom
    forebear.read_traffic(["session.har"]).identifiers  # which models captured traffic names
    forebear.write_bom("./my-model").to_json()  # CycloneDX 1.7
    forebear.verify_bom("bom.json", "./my-model").verdict  # verified, failed, inconclusive
    forebear.check_policy("result.json", "baseline").decision  # pass, deny, inconclusive
    forebear.licence_of("./my-model").duties  # what its ancestors' licences demand
    forebear.verify_signature("bundle.zip", keys=["signer.pub"]).verdict  # verified, failed, inconclusive
    forebear.probe("https://api.example.com/v1", "acme-1").verdict  # what answers there?

Each function mirrors a command, returns frozen values and never prints. Errors are subclasses of
:class:`ForebearError`. Importing the package is cheap: numpy is loaded by the first call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from forebear.errors import ForebearError, InputError, MissingExtra, UsageError
from forebear.types import (
    Ancestor,
    Claim,
    Comparison,
    Cost,
    Coverage,
    Evidence,
    Finding,
    Level,
    ModelRef,
    Relation,
    Scan,
    Test,
    Untested,
    Verdict,
)
from forebear.version import __version__

if TYPE_CHECKING:
    from forebear.bom import Bom
    from forebear.bom.difference import Difference
    from forebear.bom.verification import Verification
    from forebear.index import LocalIndex
    from forebear.inspect import compare, family_tree, fingerprint, read_traffic, scan, write_bom
    from forebear.inspect.bom_diff import diff_boms
    from forebear.inspect.bom_verify import verify_bom
    from forebear.inspect.licence import licence_of
    from forebear.inspect.policy import check_policy
    from forebear.inspect.probe import probe
    from forebear.inspect.probe_result import Probe
    from forebear.inspect.verify_signature import SignatureVerification, verify_signature
    from forebear.licences.answer import LicenceAnswer
    from forebear.licences.organisation import Organisation
    from forebear.lineage.tree import FamilyTree
    from forebear.policy.answer import PolicyAnswer
    from forebear.signals import Fingerprint
    from forebear.traffic.result import Traffic

__all__ = [
    "Ancestor",
    "Bom",
    "Claim",
    "Comparison",
    "Cost",
    "Coverage",
    "Difference",
    "Evidence",
    "FamilyTree",
    "Finding",
    "Fingerprint",
    "ForebearError",
    "InputError",
    "Level",
    "LicenceAnswer",
    "LocalIndex",
    "MissingExtra",
    "ModelRef",
    "Organisation",
    "PolicyAnswer",
    "Probe",
    "Relation",
    "Scan",
    "SignatureVerification",
    "Test",
    "Traffic",
    "Untested",
    "UsageError",
    "Verdict",
    "Verification",
    "__version__",
    "check_policy",
    "compare",
    "diff_boms",
    "family_tree",
    "fingerprint",
    "licence_of",
    "probe",
    "read_traffic",
    "scan",
    "verify_bom",
    "verify_signature",
    "write_bom",
]

_LAZY = {
    "PolicyAnswer": "forebear.policy.answer",
    "check_policy": "forebear.inspect.policy",
    "compare": "forebear.inspect",
    "family_tree": "forebear.inspect",
    "fingerprint": "forebear.inspect",
    "read_traffic": "forebear.inspect",
    "scan": "forebear.inspect",
    "write_bom": "forebear.inspect",
    "licence_of": "forebear.inspect.licence",
    "probe": "forebear.inspect.probe",
    "diff_boms": "forebear.inspect.bom_diff",
    "verify_bom": "forebear.inspect.bom_verify",
    "verify_signature": "forebear.inspect.verify_signature",
    "SignatureVerification": "forebear.inspect.verify_signature",
    "Bom": "forebear.bom",
    "Difference": "forebear.bom.difference",
    "FamilyTree": "forebear.lineage.tree",
    "Fingerprint": "forebear.signals",
    "LicenceAnswer": "forebear.licences.answer",
    "LocalIndex": "forebear.index",
    "Organisation": "forebear.licences.organisation",
    "Probe": "forebear.inspect.probe_result",
    "Traffic": "forebear.traffic.result",
    "Verification": "forebear.bom.verification",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        import importlib

        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'forebear' has no attribute {name!r}")
