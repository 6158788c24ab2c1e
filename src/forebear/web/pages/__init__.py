"""Pages for people, rendered on the server: none yet. They will stand on the same store, crew and tokens as ``api``."""
