"""How two dependent models are related: what was observed, and one small function per kind of relation."""
