"""Hidden states: what a model makes of a fixed set of short texts, at fixed relative depths."""
