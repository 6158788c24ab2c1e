"""Models too large for any disk: true shapes, and any byte range computed from (seed, tensor, offset)."""
