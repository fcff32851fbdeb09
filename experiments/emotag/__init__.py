"""EmoTag1200: how much of an emoji's emotions its name tells, its glyph, and both. Real data, a small table.

    python -m experiments.emotag --data DIR

150 emoji whose eight emotions (Plutchik) people rated from 0 to 1. Emoji are no people in scenes: this is the nearest
openly licensed thing to a benchmark of emoji, beside Table I.
"""
