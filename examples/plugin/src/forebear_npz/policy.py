"""A house policy: what the baseline asks, and that weights were measured."""

POLICY = """
schema: forebear.policy-file/1
name: acme
version: "1"
title: What Acme asks of a model
for: teams at Acme
extends: [baseline]
rules:
  - id: ACME1
    title: The weights were read
    severity: error
    when: {field: access, is_not: weights}
    message: "{model.name} is known through its {access} alone, and Acme asks for weights."
    clears: A scan of the weights.
examples:
  - name: weights that were read
    fails: [ACME1]
  - name: a model behind an API
    input: {access: endpoint}
    holds: [ACME1]
"""
