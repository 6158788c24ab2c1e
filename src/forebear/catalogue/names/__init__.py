"""The grammar of model names: what an identifier says about provider, family, version, stage, date and step."""
