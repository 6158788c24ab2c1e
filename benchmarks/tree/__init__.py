"""The study of family trees: which models, and how a tree is held against the truth."""
