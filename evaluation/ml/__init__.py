"""Is this batch good, varied, and nobody's scan? Pure: no Django, and torch only inside an extractor.

Run as ``python -m evaluation.ml evaluate SPEC.json``; the parts can be used alone:
`frechet`, `kernel`, `prdc`, `diversity`, `structure`, `nearest`, `memorisation`, and `judge` for the rule on top.
"""
