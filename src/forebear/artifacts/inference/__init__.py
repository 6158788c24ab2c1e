"""Roles of a model whose names belong to no known family, from shapes, order and norms of rows; never from signs."""

from forebear.artifacts.inference.model import infer

__all__ = ["infer"]
