"""Texts cut as a model's own tokenizer cuts them, whatever file describes it."""
