"""Signatures and attestations: model files, bills of materials and verdicts, bound to the digest of the model."""
