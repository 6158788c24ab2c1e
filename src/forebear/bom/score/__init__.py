"""How much of what an instrument asks for a bill of materials says, element by element, and how it is known.

Profiles are data (``data/profiles``, or a file of the user's); this package only looks things up. A state is never
better than the evidence of this very run: what a bill says of itself is ``declared``, also where it says "measured".
"""

from forebear.bom.score.profile import Element, Judged, Need, Profile, load_profile, profiles
from forebear.bom.score.state import Result, Score, State, score

__all__ = ["Element", "Judged", "Need", "Profile", "Result", "Score", "State", "load_profile", "profiles", "score"]
