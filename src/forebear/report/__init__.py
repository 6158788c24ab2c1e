"""Results for people and programs: terminal, Markdown, JSON Schemas. Nothing here decides anything."""
