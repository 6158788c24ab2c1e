"""What the licences along a chain demand of a model and of who uses it: met, unmet, or conditional on what.

``files``, ``source``, ``naming``, ``dealings`` and ``use`` judge one group of duties each, ``base`` keeps every
judgement within what it rests on, ``answer`` puts the whole together. Adding an ancestor can only add duties.
"""

from forebear.licences.duties.answer import facts_now, licence_answer
from forebear.licences.duties.base import Case
from forebear.licences.duties.groups import GROUPS, duties_of

__all__ = ["GROUPS", "Case", "duties_of", "facts_now", "licence_answer"]
