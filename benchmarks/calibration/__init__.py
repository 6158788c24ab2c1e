"""Scores of independent and of related models, and how good what is said about them is."""
