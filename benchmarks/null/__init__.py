"""The parts of the null study: counts of pairs, statistics of fair coins, made models, power, tables, plots."""
