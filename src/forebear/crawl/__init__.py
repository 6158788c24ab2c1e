"""Fingerprinting many models: which there are, which are done, and who does the next one."""
