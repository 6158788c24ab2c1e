"""What the licences along a model's chain demand of it: which texts are there, what they require, what is met.

``detect`` says which licence a text is and what was changed in it; ``duties`` follows the chain of ancestors. Nothing
here is legal advice: a duty is reported as met, unmet or conditional, and on what that rests.
"""
