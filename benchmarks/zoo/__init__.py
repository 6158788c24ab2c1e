"""Small models of many families for every benchmark: recipes, and one resumable builder with a cache."""
