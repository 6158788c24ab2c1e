"""What the disguise study is made of: bases and their children, rows of disguises, one pair measured, the table."""
