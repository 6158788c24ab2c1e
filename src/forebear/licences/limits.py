"""Kinds of duties that are no obligation of a licence's text but a limit that it sets."""

TERRITORY, MILITARY, COMMERCIAL = "territory", "military_use", "commercial_use"
ADMINISTRATION, OUTPUTS, RELICENSING = "public_administration", "train_other_models", "relicensing"
USES = (MILITARY, COMMERCIAL, ADMINISTRATION, OUTPUTS)
"""Kinds of duties that are limits of use."""
KINDS = (TERRITORY, *USES, RELICENSING)
"""Kinds of duties that are no obligation to do something."""
