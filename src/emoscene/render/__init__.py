"""How answers are shown: `table` in a terminal, `overlay` as a picture, `page` as one HTML file.

All three take predictions and show the same words and numbers (`words`). Import the one you need.
"""
