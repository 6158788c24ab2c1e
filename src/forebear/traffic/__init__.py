"""Captured traffic: files of exchanges and logs, read as a stream of texts, each with a pointer to where it stood."""
