"""What the lineage benchmark is made of: models as methods see them, cases, one query measured, tables, a picture."""
