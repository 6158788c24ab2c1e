"""What the relation study is made of: bases and their kin, pairs with their truth, one pair measured, the tables."""
