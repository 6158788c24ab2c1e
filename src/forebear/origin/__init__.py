"""Which countries come along with a model: the union over its ancestors, each with the edge that brings it.

Incorporation, engineering and control are three answers and never one. Factors (laws, lists) are stated neutrally with
their source; that an ancestor was disclosed lowers what a finding about it says.
"""

from forebear.origin.answer import AncestorOrigin, BroughtFactor, Countries, Origin, Role, Tie
from forebear.origin.union import origin_of

__all__ = ["AncestorOrigin", "BroughtFactor", "Countries", "Origin", "Role", "Tie", "origin_of"]
