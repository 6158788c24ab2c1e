"""Models behind an API: what a server speaks, what it answers, and a log from which every answer can be had again."""
