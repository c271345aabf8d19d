"""Understanding residents: text in, ranking out. Pure: no I/O but this package's own data files.

``nlp.matcher.Matcher`` is the way in; ``docs/matching.md`` tells how it works and what was measured.
"""
