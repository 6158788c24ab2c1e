"""Decides on a model by written rules: pass, deny, or inconclusive where evidence or facts do not suffice.

A rule looks at one documented input (record, verdict, chain, duties, origin, organisation) in three-valued logic:
what is not known makes no rule pass.
"""
